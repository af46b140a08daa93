"""The commands about suppressions: whom not to write to, and about what."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.clients import app as clients
from cli.clients import identifier
from cli.export import ExportFormat, export_suppressions, format_of
from cli.phones import phone_of
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, note, show, show_line
from cli.upload import pieces_of

app = typer.Typer(
    help="Suppressions: list whom not to write to, and import files of them.",
    no_args_is_help=True,
)


class Reason(StrEnum):
    """Why something is suppressed."""

    REQUESTED = "requested"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    BOUNCED = "bounced"


Whom = Annotated[
    str,
    typer.Argument(metavar="WHOM", help="A client's identifier, a phone, or an e-mail."),
]
Topic = Annotated[str | None, typer.Option(help="Of mailings, such as news; else all of them.")]
Why = Annotated[Reason, typer.Option("--reason", help="Why.")]
Source = Annotated[str | None, typer.Option(help="Where it is from; no personal data.")]


def named(whom: str) -> Json:
    """Return by its field what was typed: a client, or a contact.

    Raises:
        Failure: It is neither.
    """
    if "@" in whom:
        return {"email": whom}
    if phone := phone_of(whom):
        return {"phone": phone}
    return {"client_id": str(identifier(whom))}


@clients.command("suppress")
def suppress(
    whom: Whom,
    *,
    topic: Topic = None,
    reason: Why = Reason.REQUESTED,
    source: Source = None,
    output: Format = Output.TABLE,
) -> None:
    """Write no more to a client, or to a phone or e-mail, whoever has it."""
    body = named(whom) | {"topic": topic, "reason": reason, "source": source}
    done = run(lambda api: api.post("catalog", "/v1/suppressions", body))
    show(output, done, lambda: facts(_facts(done)))


@clients.command("unsuppress")
def unsuppress(whom: Whom, *, topic: Topic = None, output: Format = Output.TABLE) -> None:
    """Write again to a client, or to a phone or e-mail; of one topic, if it is named."""
    wanted = named(whom)
    (field,) = wanted
    kind = field.removesuffix("_id")

    async def work(api: Api) -> list[str]:
        found, _ = await api.items("catalog", "/v1/suppressions", wanted, 1_000)
        # A contact is found where its client is suppressed too: that stays, it has other contacts.
        asked = [each for each in found if each["kind"] == kind]
        lifted = {each["subject"] for each in asked if topic in (None, each["topic"])}
        if not lifted:
            clients = sorted({each["subject"] for each in found if each["kind"] == "client"})
            message = "Nothing of that is suppressed."
            if clients and kind != "client":
                message = f"Not the contact is suppressed, but the client: {', '.join(clients)}."
            raise Failure(message, Exit.NOT_FOUND)
        query = f"?{urlencode({'topic': topic})}" if topic else ""
        for subject in sorted(lifted):
            await api.delete("catalog", f"/v1/suppressions/{quote(subject)}{query}")
        return sorted(lifted)

    lifted = run(work)
    if output is Output.JSON:
        show_line({"lifted": lifted, "topic": topic})
    note("It is written to again." if topic is None else f"It gets {topic} again.")


def _facts(found: Json) -> list[tuple[str, object]]:
    return [
        ("subject", found["subject"]),
        ("kind", found["kind"]),
        ("topic", found["topic"] or "all"),
        ("reason", found["reason"]),
        ("source", found["source"]),
        ("since", instant(found["since"])),
    ]


@app.command("list")
def list_suppressions(
    *,
    whom: Annotated[str | None, typer.Option(help="A client's identifier or a contact.")] = None,
    topic: Topic = None,
    reason: Annotated[Reason | None, typer.Option(help="Only with this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List suppressions, the newest first. Contacts are shown as hashes alone."""
    having = (named(whom) if whom else {}) | {"topic": topic, "reason": reason}
    found = run(lambda api: api.items("catalog", "/v1/suppressions", having, limit))
    listing = Listing("subject", "suppressions", found)
    columns = ("subject", "kind", "topic", "reason", "source", "since")
    rows = ([value for _, value in _facts(each)] for each in listing.items)
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("export")
def export_all(
    *,
    whom: Annotated[str | None, typer.Option(help="A client's identifier or a contact.")] = None,
    topic: Topic = None,
    reason: Annotated[Reason | None, typer.Option(help="Only with this reason.")] = None,
    wanted: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Default: by the file's name, else NDJSON."),
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else standard output.")
    ] = None,
) -> None:
    """Write suppressions to a file, which is complete or not there. Contacts are hashes alone."""
    having = (named(whom) if whom else {}) | {"topic": topic, "reason": reason}
    size = run(lambda api: export_suppressions(api, having, wanted or format_of(path), path))
    if path is not None:
        note(f"{path} is complete: {size:,} bytes.")


REFUSED_SHOWN = 10  # lines; the answer in JSON has more
COUNTERS = ("lines", "suppressed", "unchanged", "refused")


@app.command("import")
def import_suppressions(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="A contact a line; - for standard input.")
    ],
    *,
    topic: Topic = None,
    reason: Annotated[Reason | None, typer.Option(help="Why. Without it: requested.")] = None,
    source: Source = None,
    output: Format = Output.TABLE,
) -> None:
    """Suppress each phone, e-mail or client's identifier of a file: the first cell of each line.

    What `suppressions export` has written is taken as it is, each line with its own topic,
    reason, source and time. The same file again changes nothing, so what broke off is sent again.
    """
    given = {"topic": topic, "reason": reason, "source": source}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    path = f"/v1/suppressions/import?{query}"
    done = run(lambda api: api.upload("catalog", path, pieces_of(file), "text/csv"))
    show(output, done, lambda: grid(COUNTERS, [[done[name] for name in COUNTERS]]))
    if done["refused"]:
        name = Path(file.name).name
        for each in done["refused_lines"][:REFUSED_SHOWN]:
            column = f", {each['column']}" if each["column"] else ""
            note(f"{name}, line {each['line']}{column}: {each['detail']}", "yellow")
