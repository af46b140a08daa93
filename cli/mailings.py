"""The commands about mailings: look at, control and watch them; others plan and edit them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from cli import Output, editing, planning, postponing, read_id, running, test_sends
from cli.api import run
from cli.mailing_tables import (
    history_table,
    mailing_table,
    mailings_table,
    paused,
    preview_table,
)
from cli.options import By, MailingId, account
from cli.render import Format, Json, Listing, Quiet, note, show, show_line
from cli.watching import watch_until_over

app = typer.Typer(help="Mailings: plan, control and watch them.", no_args_is_help=True)
app.add_typer(planning.app)
app.add_typer(editing.app)
app.add_typer(postponing.app)
app.add_typer(test_sends.app)
app.add_typer(running.app)


EVENTS = 100  # of a page; what the catalog gives at most


class Status(StrEnum):
    """Where a mailing is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


@app.command("list")
def list_mailings(  # noqa: PLR0913 (each is a filter)
    *,
    words: Annotated[
        str | None,
        typer.Argument(metavar="[WORDS]", help="Beginnings of words of the name, all of them."),
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="Only those that go through it.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those there.")] = None,
    mailing_id: Annotated[
        list[UUID] | None, typer.Option("--id", parser=read_id, metavar="ID", help="Only these.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List mailings that have all of what is asked for, the newest first."""
    ids = [str(each) for each in mailing_id or ()]
    having = {"q": words, "gateway": gateway, "status": status, "ids": ids or None}
    found = run(lambda api: api.items("catalog", "/v1/mailings", having, limit))
    things = "such mailings" if any(having.values()) else "mailings"
    listing = Listing("mailing_id", things, found)
    listing.show(output, lambda: mailings_table(listing.items), quiet=quiet)


@app.command("delete")
def delete_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Stop a mailing and show it no more; what was sent stays on record."""
    run(lambda api: api.delete("catalog", f"/v1/mailings/{mailing_id}"))
    if output is Output.JSON:
        show_line({"mailing_id": str(mailing_id), "status": "deleted"})
    note(f"Mailing {mailing_id} is deleted; `./mailings messages list` still has what was sent.")


@app.command("show")
def show_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Show one mailing."""
    found = run(lambda api: api.get("catalog", f"/v1/mailings/{mailing_id}"))
    show(output, found, lambda: mailing_table(found))


@app.command("history")
def show_history(
    mailing_id: MailingId,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many events at most.")] = 50,
    output: Format = Output.TABLE,
) -> None:
    """Show what happened to a mailing, the newest first; also of a deleted one."""
    path = f"/v1/mailings/{mailing_id}/events"
    found = run(lambda api: api.items("catalog", path, {}, limit, page=EVENTS))
    listing = Listing("version", "events", found)
    listing.show(output, lambda: history_table(listing.items), quiet=False)


@app.command("preview")
def preview_mailing(
    mailing_id: MailingId,
    client: Annotated[
        UUID | None, typer.Option(parser=read_id, metavar="ID", help="To whom; default: to any.")
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """Show what a mailing says to a client, and how many lack what it names."""
    to = {"client_id": str(client) if client else None}
    path = f"/v1/mailings/{mailing_id}/preview"
    preview = run(lambda api: api.post("catalog", path, to))
    show(output, preview, lambda: preview_table(preview))


@app.command("start")
def start_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Start a mailing now, whatever its start says."""
    _command(mailing_id, "start", output)


@app.command("pause")
def pause_mailing(mailing_id: MailingId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send nothing of a mailing until it is resumed."""
    _command(mailing_id, "pause", output, {"by": by or account()})


@app.command("resume")
def resume_mailing(mailing_id: MailingId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send a paused mailing again."""
    resumed = _command(mailing_id, "resume", output, {"by": by or account()})
    for each in resumed.get("paused_runs", ()):
        lift = f"./mailings runs resume {each['run_id']}"
        note(f"By its own switch its run is still {paused(each)}: `{lift}`.", "yellow")


@app.command("stop")
def stop_mailing(mailing_id: MailingId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send nothing of a mailing any more, ever."""
    _command(mailing_id, "stop", output, {"by": by or account()})


@app.command("watch")
def watch_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Show live how a mailing goes on, until it is over."""
    watch_until_over(mailing_id, output)


def _command(mailing_id: UUID, what: str, output: Output, body: Json | None = None) -> Json:
    done = run(lambda api: api.post("catalog", f"/v1/mailings/{mailing_id}/{what}", body))
    show(output, done, lambda: mailing_table(done))
    return done
