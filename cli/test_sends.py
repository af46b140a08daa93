"""The command that tries a mailing: one message, to one client or to a phone or an address."""

import asyncio
import time
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Output, read_id
from cli.api import Api, run
from cli.messages import attempts_table
from cli.options import (
    Body,
    BodyFile,
    HtmlFile,
    Sender,
    Subject,
    content_of,
    read_duration,
    text_of,
)
from cli.phones import EXAMPLES, read_phone
from cli.render import Format, Json, facts, instant, note, show

app = typer.Typer()

CONTENT = ("gateway", "body", "subject", "html", "sender")  # of a mailing, as the catalog shows it
POLL_S = 0.2
WAIT = timedelta(minutes=1)


@app.command("test-send")
def send_test(  # noqa: PLR0913 (options are what a mailing says, and to whom)
    mailing_id: Annotated[
        UUID | None,
        typer.Argument(parser=read_id, metavar="[ID]", help="A mailing; without it say what."),
    ] = None,
    *,
    client: Annotated[
        UUID | None, typer.Option(parser=read_id, metavar="ID", help="To this client.")
    ] = None,
    phone: Annotated[
        str | None,
        typer.Option(parser=read_phone, metavar="PHONE", help=f"Or to this phone, {EXAMPLES}."),
    ] = None,
    email: Annotated[str | None, typer.Option(help="Or to this address.")] = None,
    full_name: Annotated[str | None, typer.Option(help="Whose it is, for the text.")] = None,
    body: Body = None,
    body_file: BodyFile = None,
    subject: Subject = None,
    html_file: HtmlFile = None,
    sender: Sender = None,
    gateway: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: the mailing's; http.")
    ] = None,
    wait: Annotated[
        timedelta | None,
        typer.Option(
            "--wait", parser=read_duration, metavar="DURATION", help="For its end. Default: 1m."
        ),
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """Send one message of a mailing now, saved or not, and show what the gateway answered.

    It really goes out, before all that is not urgent. It is in no statistics of the mailing.
    """
    if (client is None) == (phone is None and email is None):
        raise typer.BadParameter("say to whom: either --client, or --phone or --email")
    given = {
        "gateway": gateway,
        "body": text_of(body, body_file),
        "subject": subject,
        "html": content_of(html_file),
        "sender": sender,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if mailing_id is None and "body" not in given:
        raise typer.BadParameter("say what it says: the ID of a mailing, --body or --body-file")
    to = {
        "client_id": str(client) if client else None,
        "phone": phone,
        "email": email,
        "full_name": full_name,
    }
    body_of = {"to": {name: value for name, value in to.items() if value is not None}}

    async def work(api: Api) -> Json:
        content = {"gateway": "http"} if mailing_id is None else await _content(api, mailing_id)
        made = await api.post("dispatcher", "/v1/test-sends", content | given | body_of)
        return await _when_final(api, made, wait or WAIT)

    found = run(work)
    show(output, found, lambda: _table(found))
    if not found["is_final"]:
        note(f"It is tried until {instant(found['ends_at'])}; what it waits for says", "yellow")
        note(f"  ./mailings why {found['run_id']}", "yellow")
    if found["status"] != "delivered":
        raise typer.Exit(Exit.ERROR)


async def _content(api: Api, mailing_id: UUID) -> Json:
    """Return what a saved mailing says, as a test send takes it."""
    found = await api.get("catalog", f"/v1/mailings/{mailing_id}")
    content = {name: found[name] for name in CONTENT if found.get(name) is not None}
    return content | {"mailing_id": str(mailing_id)}


async def _when_final(api: Api, made: Json, wait: timedelta) -> Json:
    """Return a test send when it is over, or after a while as it is then."""
    found, until = made, time.monotonic() + wait.total_seconds()
    while not found["is_final"] and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        found = await api.get("dispatcher", f"/v1/test-sends/{made['run_id']}")
    return found


def _table(found: Json) -> RenderableType:
    about = facts([
        ("status", found["status"]),
        ("reason", found["reason"]),
        ("gateway", found["gateway"]),
        ("attempts", found["attempts"]),
        ("run_id", found["run_id"]),
        ("message_id", found["message_id"]),
    ])  # fmt: skip
    attempts = found["attempts_log"]
    return Group(about, Text(), attempts_table(attempts)) if attempts else about
