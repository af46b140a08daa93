"""`python -m cli`: all commands, put together."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from cli import (
    Exit,
    Failure,
    audiences,
    clients,
    demo,
    doctor,
    events,
    gateways,
    imports,
    letters,
    mailings,
    messages,
    preferring,
    retention,
    runs,
    sandbox,
    schedules,
    stack,
    statistics,
    subjects,  # noqa: F401 - its commands stand beside those of `clients`
    suppressions,
    version,
    why,
)
from cli.usage import Commands
from deploy.local.errors import AlreadyRunning, LogUnknown, StackError

EXIT_CODES = (
    f"Exit codes: {Exit.OK} done; {Exit.ERROR} refused, or it failed; "
    f"{Exit.USAGE} not understood; {Exit.NOT_FOUND} there is no such thing; "
    f"{Exit.CONFLICT} it cannot be done in this state; {Exit.UNAVAILABLE} nobody answers."
)

CODES = {AlreadyRunning: Exit.CONFLICT, LogUnknown: Exit.USAGE}

app = typer.Typer(
    name="mailings",
    epilog=EXIT_CODES,
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

# One line per module: its commands stand beside each other, or below a name of their own.
app.add_typer(stack.app)
app.add_typer(demo.app)
app.add_typer(doctor.app)
clients.app.add_typer(preferring.app)
app.add_typer(clients.app, name="clients")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(imports.app, name="imports")
app.add_typer(mailings.app, name="mailings")
app.add_typer(audiences.app, name="audience")
app.add_typer(schedules.app, name="schedule")
app.add_typer(runs.app, name="runs")
app.add_typer(messages.app, name="messages")
app.add_typer(retention.app, name="retention")
app.add_typer(gateways.app, name="gateways")
app.add_typer(events.app, name="events")
app.add_typer(letters.app, name="letters")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(statistics.app)
app.add_typer(why.app)


def _print_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"mailings {version()}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda is_asked: _print_version(is_asked=is_asked),
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    """Mailings that reach every client: the platform, from the command line."""


def main() -> None:
    """Run what was typed; a failure is a sentence and an exit code, never a traceback."""
    try:
        app(prog_name="mailings")
    except Failure as failure:
        _say(str(failure))
        sys.exit(failure.code)
    except StackError as error:
        _say(str(error))
        sys.exit(CODES.get(type(error), Exit.ERROR))


def _say(message: str) -> None:
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
