"""`python -m cli`: all commands, put together."""

import sys

import typer
from rich.console import Console

from cli import Exit, Failure, clients, demo, mailings, messages, stack, statistics
from deploy.local.errors import AlreadyRunning, StackError

EXIT_CODES = (
    f"Exit codes: {Exit.OK} done; {Exit.ERROR} refused, or it failed; "
    f"{Exit.USAGE} not understood; {Exit.NOT_FOUND} there is no such thing; "
    f"{Exit.CONFLICT} it cannot be done in this state; {Exit.UNAVAILABLE} nobody answers."
)

app = typer.Typer(
    name="mailings",
    help="Mailings that reach every client: the platform, from the command line.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# One line per module: its commands stand beside each other, or below a name of their own.
app.add_typer(stack.app)
app.add_typer(demo.app)
app.add_typer(clients.app, name="clients")
app.add_typer(mailings.app, name="mailings")
app.add_typer(messages.app, name="messages")
app.add_typer(statistics.app)


def main() -> None:
    """Run what was typed; a failure is a sentence and an exit code, never a traceback."""
    try:
        app(prog_name="mailings")
    except Failure as failure:
        _say(str(failure))
        sys.exit(failure.code)
    except StackError as error:
        _say(str(error))
        sys.exit(Exit.CONFLICT if isinstance(error, AlreadyRunning) else Exit.ERROR)


def _say(message: str) -> None:
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
