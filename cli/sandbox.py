"""The commands about the sandbox: what its mail server has taken."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Output
from cli.api import run
from cli.render import Format, Json, facts, note, show

app = typer.Typer(help="The sandbox: gateways that send nothing.", no_args_is_help=True)


@app.command("mails")
def list_mails(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 5,
    output: Format = Output.TABLE,
) -> None:
    """Show the last mails that the sandbox has taken, as a person reads them."""
    found = run(lambda api: api.get("mail", "/mails", {"limit": limit}))["items"]
    if not found and output is Output.TABLE:
        note("There are no mails.", "dim")
        return
    show(output, found, lambda: Group(*map(_mail, found)))


def _mail(mail: Json) -> RenderableType:
    names = ("date", "sender", "to", "subject")
    head = facts([("from" if name == "sender" else name, mail[name]) for name in names])
    return Group(head, Text(f"\n{mail['text']}\n"))
