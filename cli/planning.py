"""The commands that plan mailings: create, copy and change them."""

from typing import Annotated

import typer

from cli import Output
from cli.api import run
from cli.dry_run import dry_run as show_dry_run
from cli.filtering import (
    FilterOptions,
    Saved,
    note_unknown,
    read_filter,
    whom_of,
)
from cli.grouped import grouped
from cli.mailing_tables import mailing_table, note_remarks
from cli.options import (
    GATEWAYS,
    Body,
    BodyFile,
    DeliveryOptions,
    DryRun,
    EndsAt,
    For,
    HtmlFile,
    MailingId,
    Name,
    Sender,
    StartsAt,
    Subject,
    Watch,
    content_of,
    delivery_of,
    end_of,
    text_of,
)
from cli.render import Format, Json, Quiet, show_one
from cli.scheduling import ScheduleOptions, read_schedule
from cli.timing import TimeOptions, times_of
from cli.watching import watch_until_over

app = typer.Typer()


@app.command("create")
@grouped
def create_mailing(  # noqa: PLR0913 (options are the fields of a mailing)
    *,
    name: Annotated[str, typer.Option(help="What people call it.")],
    body: Body = None,
    body_file: BodyFile = None,
    subject: Subject = None,
    html_file: HtmlFile = None,
    sender: Sender = None,
    whom: FilterOptions,
    audience: Saved = None,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    for_: For = None,
    gateway: Annotated[str, typer.Option(metavar="NAME", help=GATEWAYS)] = "http",
    delivery: DeliveryOptions,
    times: TimeOptions,
    recurrence: ScheduleOptions,
    dry_run: DryRun = False,
    watch: Watch = False,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """Create a mailing; it starts by itself, at once or at its start, and ends at its end.

    With --repeat it recurs between them: each occurrence is a run of its own.
    """
    if (ends_at is None) == (for_ is None):
        raise typer.BadParameter("say when it ends: either --ends-at or --for")
    text = text_of(body, body_file)
    if text is None:
        raise typer.BadParameter("say what it says: either --body or --body-file")
    wanted = read_filter(whom)
    if audience is not None and wanted:
        raise typer.BadParameter("say either --audience, or whom")
    plan: Json = {
        "name": name,
        "body": text,
        "subject": subject,
        **whom_of(audience, wanted),
        "starts_at": starts_at.isoformat() if starts_at else None,
        "ends_at": end_of(starts_at, ends_at, for_).isoformat(),
        "gateway": gateway,
    }
    of_mails = {"html": content_of(html_file), "sender": sender}
    plan |= {field: value for field, value in of_mails.items() if value is not None}
    plan |= delivery_of(delivery)
    plan |= times_of(times)
    recurs = read_schedule(recurrence)
    if recurs is not None:
        plan["schedule"] = recurs
    _create(plan, output, dry_run=dry_run, watch=watch, quiet=quiet)


# Catalogs of older releases do not have all of them.
COPIED = (
    *("name", "body", "subject", "html", "sender", "filter", "gateway"),
    *("priority", "max_attempts", "on_unknown", "schedule", "message_class", "topic"),
    *("time_policy", "quiet_hours"),
)


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
    if found.get("audience_name") is not None:
        plan["audience"] = found["audience_id"]
        del plan["filter"]
    _create(plan, output, dry_run=dry_run, watch=watch, quiet=quiet)


def _create(plan: Json, output: Output, *, dry_run: bool, watch: bool, quiet: bool) -> None:
    if dry_run:
        show_dry_run(plan, output)
        return
    created = run(lambda api: api.post("catalog", "/v1/mailings", plan))
    show_one(output, created, lambda: mailing_table(created), key="mailing_id", quiet=quiet)
    note_unknown(plan.get("filter", {}), created)
    note_remarks(created)
    if watch:
        watch_until_over(created["mailing_id"], output)
