"""The commands that plan mailings: create, copy and change them."""

from typing import Annotated

import typer

from cli import Output
from cli.api import run
from cli.mailing_tables import mailing_table, preview_table
from cli.options import (
    Body,
    BodyFile,
    Class,
    Codes,
    DryRun,
    EndsAt,
    FirstOf,
    For,
    HtmlFile,
    MailingId,
    MaxAttempts,
    Name,
    Sender,
    StartsAt,
    Subject,
    Tags,
    Unknown,
    Watch,
    content_of,
    delivery_of,
    end_of,
    text_of,
)
from cli.render import Format, Json, Quiet, note, show, show_one
from cli.scheduling import (
    CatchUp,
    Count,
    Except,
    Misses,
    Overlaps,
    Repeat,
    RunWindow,
    ScheduleFile,
    Zone,
    read_schedule,
)
from cli.statistics.progress import SELECTS_NOBODY
from cli.watching import watch_until_over

app = typer.Typer()

GATEWAYS = "What hands it over, as `./mailings gateways list` shows it."


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
    priority: FirstOf = None,
    max_attempts: MaxAttempts = None,
    on_unknown: Unknown = None,
    class_: Class = None,
    repeat: Repeat = None,
    zone: Zone = None,
    schedule: ScheduleFile = None,
    run_window: RunWindow = None,
    overlap: Overlaps = None,
    missed: Misses = None,
    catch_up: CatchUp = None,
    count: Count = None,
    except_: Except = None,
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
    plan |= delivery_of(priority, max_attempts, on_unknown, class_)
    recurs = read_schedule(
        file=schedule,
        repeat=repeat,
        zone=zone,
        run_window=run_window,
        overlap=overlap,
        missed=missed,
        catch_up=catch_up,
        count=count,
        except_=except_,
    )
    if recurs is not None:
        plan["schedule"] = recurs
    _create(plan, output, dry_run=dry_run, watch=watch, quiet=quiet)


# Catalogs of older releases do not have all of them.
COPIED = (
    *("name", "body", "subject", "html", "sender", "filter", "gateway"),
    *("priority", "max_attempts", "on_unknown", "schedule", "message_class"),
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
        watch_until_over(created["mailing_id"], output)


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
    priority: FirstOf = None,
    max_attempts: MaxAttempts = None,
    on_unknown: Unknown = None,
    class_: Class = None,
    repeat: Repeat = None,
    zone: Zone = None,
    schedule: ScheduleFile = None,
    run_window: RunWindow = None,
    overlap: Overlaps = None,
    missed: Misses = None,
    catch_up: CatchUp = None,
    count: Count = None,
    except_: Except = None,
    output: Format = Output.TABLE,
) -> None:
    """Change a mailing; what is not named stays.

    Of one that runs once and has begun only the name can be changed, and the end moved earlier.
    Of a recurring one all can: a run that has begun keeps what it began with.
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
    changes |= delivery_of(priority, max_attempts, on_unknown, class_)
    recurs = read_schedule(
        file=schedule,
        repeat=repeat,
        zone=zone,
        run_window=run_window,
        overlap=overlap,
        missed=missed,
        catch_up=catch_up,
        count=count,
        except_=except_,
    )
    if recurs is not None:
        changes["schedule"] = recurs
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
