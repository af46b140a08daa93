"""The commands about the sandbox: what its gateways have taken, and how they misbehave."""

import json
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Failure, Output
from cli.api import run
from cli.render import Format, Json, facts, note, show

app = typer.Typer(help="The sandbox: gateways that send nothing.", no_args_is_help=True)


class Part(StrEnum):
    """The gateways of the sandbox."""

    GATEWAY = "gateway"  # over HTTP
    MAIL = "mail"


Which = Annotated[Part, typer.Argument(help="The HTTP gateway, or the mail server.")]


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


@app.command("faults")
def show_faults(
    which: Which,
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]…", help="fail_share=0.1")
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """Show how a gateway of the sandbox misbehaves, or change that."""
    faults = run(lambda api: api.get(which, "/faults"))
    if changes:
        patch = dict(_change(each, faults) for each in changes)
        faults = run(lambda api: api.patch(which, "/faults", patch))
    show(output, faults, lambda: facts([(name, _text(faults[name])) for name in faults]))


@app.command("ledger")
def show_ledger(which: Which, output: Format = Output.TABLE) -> None:
    """Count what a gateway of the sandbox was asked for, and what it has taken."""
    found = run(lambda api: api.get(which, "/ledger/summary"))
    totals = [(name, f"{found[name]:,}") for name in ("requests", "accepted", "accepted_distinct")]
    kinds = [(name, f"{count:,}") for name, count in found["by_decision"].items() if count]
    show(output, found, lambda: facts([*totals, *kinds]))


def _change(text: str, faults: Json) -> tuple[str, object]:
    """Read a change; its value is of the kind that the fault has.

    Raises:
        Failure: There is no such fault, or the value is of another kind.
    """
    name, equals, value = text.partition("=")
    if name not in faults or not equals:
        message = f"{text!r} is no NAME=VALUE with one of {', '.join(faults)}."
        raise Failure(message, Exit.USAGE)
    now = faults[name]
    if isinstance(now, str):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        if now is None:  # a text that is not set
            return name, value
    message = f"{value!r} is no value for {name}, which is {_text(now)} now."
    raise Failure(message, Exit.USAGE)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _mail(mail: Json) -> RenderableType:
    names = ("date", "sender", "to", "subject")
    head = facts([("from" if name == "sender" else name, mail[name]) for name in names])
    return Group(head, Text(f"\n{mail['text']}\n"))
