"""The commands about mailings: plan, look at, control and watch them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from cli import Output, read_id
from cli.api import Api, run
from cli.mailing_tables import mailing_table, mailings_table, paused, preview_table
from cli.options import (
    Body,
    BodyFile,
    By,
    Codes,
    DryRun,
    EndsAt,
    For,
    HtmlFile,
    MailingId,
    Name,
    Sender,
    StartsAt,
    Subject,
    Tags,
    Watch,
    account,
    content_of,
    end_of,
    text_of,
)
from cli.render import (
    Format,
    Json,
    Listing,
    Quiet,
    note,
    show,
    show_one,
)
from cli.statistics.progress import SELECTS_NOBODY, Progress
from cli.statistics.progress import watch as watch_progress

app = typer.Typer(help="Mailings: plan, control and watch them.", no_args_is_help=True)


class Status(StrEnum):
    """Where a mailing is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


GATEWAYS = "What hands it over, as `./mailings gateways list` shows it."


@app.command("list")
def list_mailings(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those there.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List mailings, the newest first."""
    found = run(lambda api: api.items("catalog", "/v1/mailings", {"status": status}, limit))
    listing = Listing("mailing_id", f"{status} mailings" if status else "mailings", found)
    listing.show(output, lambda: mailings_table(listing.items), quiet=quiet)


@app.command("create")
def create_mailing(  # noqa: PLR0913 (options are the fields of a mailing)
    *,
    name: Annotated[str, typer.Option(help="What people call it.")],
    body: Body = None,
    body_file: BodyFile = None,
    subject: Subject = None,
    html_file: HtmlFile = None,
    sender: Sender = None,
    tag: Tags = None,
    operator_code: Codes = None,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    for_: For = None,
    gateway: Annotated[str, typer.Option(metavar="NAME", help=GATEWAYS)] = "http",
    dry_run: DryRun = False,
    watch: Watch = False,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """Create a mailing; it starts by itself, at once or at its start, and ends at its end."""
    if (ends_at is None) == (for_ is None):
        raise typer.BadParameter("say when it ends: either --ends-at or --for")
    text = text_of(body, body_file)
    if text is None:
        raise typer.BadParameter("say what it says: either --body or --body-file")
    plan = {
        "name": name,
        "body": text,
        "subject": subject,
        "filter": {"tags": tag or [], "operator_codes": operator_code or []},
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": end_of(starts_at, ends_at, for_).isoformat(),
        "gateway": gateway,
    }
    of_mails = {"html": content_of(html_file), "sender": sender}
    plan |= {field: value for field, value in of_mails.items() if value is not None}
    _create(plan, output, dry_run=dry_run, watch=watch, quiet=quiet)


# Catalogs of older releases do not have all of them.
COPIED = ("name", "body", "subject", "html", "sender", "filter", "gateway")


@app.command("copy")
def copy_mailing(  # noqa: PLR0913 (options are what is commonly other in a copy)
    mailing_id: MailingId,
    *,
    name: Name = None,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    for_: For = None,
    dry_run: DryRun = False,
    watch: Watch = False,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """Create a mailing like another one, with a window of its own."""
    if (ends_at is None) == (for_ is None):
        raise typer.BadParameter("say when the copy ends: either --ends-at or --for")
    found = run(lambda api: api.get("catalog", f"/v1/mailings/{mailing_id}"))
    plan = {each: found[each] for each in COPIED if each in found} | {
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": end_of(starts_at, ends_at, for_).isoformat(),
    }
    if name is not None:
        plan["name"] = name
    _create(plan, output, dry_run=dry_run, watch=watch, quiet=quiet)


def _create(plan: Json, output: Output, *, dry_run: bool, watch: bool, quiet: bool) -> None:
    if dry_run:
        preview = run(lambda api: api.post("catalog", "/v1/mailings/preview", plan))
        show(output, preview, lambda: preview_table(preview))
        if not preview["clients"]:
            note(SELECTS_NOBODY, "yellow")
        return
    created = run(lambda api: api.post("catalog", "/v1/mailings", plan))
    show_one(output, created, lambda: mailing_table(created), key="mailing_id", quiet=quiet)
    if watch:
        _watch(created["mailing_id"], output)


@app.command("edit")
def edit_mailing(  # noqa: PLR0913 (options are the fields of a mailing)
    mailing_id: MailingId,
    *,
    name: Name = None,
    body: Body = None,
    body_file: BodyFile = None,
    subject: Annotated[str | None, typer.Option(help="'' for none.")] = None,
    html_file: HtmlFile = None,
    no_html: Annotated[bool, typer.Option("--no-html", help="Without HTML.")] = False,
    sender: Annotated[str | None, typer.Option(help="'' for the gateway's own.")] = None,
    tag: Tags = None,
    operator_code: Codes = None,
    to_all: Annotated[bool, typer.Option("--to-all", help="Without a filter.")] = False,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    gateway: Annotated[str | None, typer.Option(metavar="NAME", help=GATEWAYS)] = None,
    output: Format = Output.TABLE,
) -> None:
    """Change a mailing; what is not named stays.

    Of one that has begun only the name can be changed, and the end moved earlier.
    """
    if to_all and (tag or operator_code):
        raise typer.BadParameter("say either --to-all, or --tag and --operator-code")
    if no_html and html_file:
        raise typer.BadParameter("say either --no-html or --html-file")
    changes: Json = {
        "name": name,
        "body": text_of(body, body_file),
        "html": content_of(html_file),
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": ends_at.isoformat() if ends_at else None,
        "gateway": gateway,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if no_html:
        changes["html"] = None
    changes |= {
        field: value or None
        for field, value in (("subject", subject), ("sender", sender))
        if value is not None
    }
    if to_all or tag or operator_code:
        chosen = {"tags": tag, "operator_codes": operator_code}
        changes["filter"] = {n: v or [] for n, v in chosen.items() if v or to_all}
    if not changes:
        raise typer.BadParameter("say what to change, such as --ends-at")
    changed = run(lambda api: api.patch("catalog", f"/v1/mailings/{mailing_id}", changes))
    show(output, changed, lambda: mailing_table(changed))


@app.command("delete")
def delete_mailing(mailing_id: MailingId) -> None:
    """Stop a mailing and show it no more; what was sent stays on record."""
    run(lambda api: api.delete("catalog", f"/v1/mailings/{mailing_id}"))
    note(f"Mailing {mailing_id} is deleted; `./mailings messages list` still has what was sent.")


@app.command("show")
def show_mailing(mailing_id: MailingId, output: Format = Output.TABLE) -> None:
    """Show one mailing."""
    found = run(lambda api: api.get("catalog", f"/v1/mailings/{mailing_id}"))
    show(output, found, lambda: mailing_table(found))


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
    _watch(mailing_id, output)


def _watch(mailing_id: UUID | str, output: Output) -> None:
    async def work(api: Api) -> Progress:
        return await watch_progress(api, mailing_id, output)

    try:
        run(work)
    except KeyboardInterrupt:
        stop = f"./mailings mailings stop {mailing_id}"
        note(f"That ends the watching, not the mailing: `{stop}` would.", "dim")
        raise


def _command(mailing_id: UUID, what: str, output: Output, body: Json | None = None) -> Json:
    done = run(lambda api: api.post("catalog", f"/v1/mailings/{mailing_id}/{what}", body))
    show(output, done, lambda: mailing_table(done))
    return done
