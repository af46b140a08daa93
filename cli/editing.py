"""The command that changes mailings."""

from typing import Annotated

import typer

from cli import Output
from cli.api import run
from cli.filtering import (
    AllTags,
    Clients,
    Codes,
    ExceptClients,
    FilterFile,
    Has,
    NoTags,
    OnePerContact,
    Saved,
    Tags,
    Zones,
    note_unknown,
    read_filter,
    whom_instead,
)
from cli.mailing_tables import mailing_table
from cli.options import (
    GATEWAYS,
    Body,
    BodyFile,
    Class,
    EndsAt,
    FirstOf,
    HtmlFile,
    MailingId,
    MaxAttempts,
    Name,
    StartsAt,
    Topic,
    Unknown,
    content_of,
    delivery_of,
    text_of,
)
from cli.render import Format, Json, note, show
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
from cli.timing import (
    Clocks,
    ClockZone,
    IfNone,
    IfNoZone,
    IfPassed,
    LocalTime,
    QuietHours,
    times_of,
)

app = typer.Typer()


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
    with_tag: AllTags = None,
    without_tag: NoTags = None,
    in_zone: Zones = None,
    has: Has = None,
    clients: Clients = None,
    except_clients: ExceptClients = None,
    one_per_contact: OnePerContact = None,
    filter_: FilterFile = None,
    audience: Saved = None,
    to_all: Annotated[bool, typer.Option("--to-all", help="Without a filter.")] = False,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    gateway: Annotated[str | None, typer.Option(metavar="NAME", help=GATEWAYS)] = None,
    priority: FirstOf = None,
    max_attempts: MaxAttempts = None,
    on_unknown: Unknown = None,
    class_: Class = None,
    topic: Topic = None,
    clock: Clocks = None,
    clock_zone: ClockZone = None,
    local_time: LocalTime = None,
    if_passed: IfPassed = None,
    if_no_zone: IfNoZone = None,
    if_none_preferred: IfNone = None,
    quiet_hours: QuietHours = None,
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

    Of one that runs once and has begun only the name and the end can be changed.
    Of a recurring one all can: a run that has begun keeps what it began with.
    """
    wanted = read_filter(
        tag=tag,
        operator_code=operator_code,
        with_tag=with_tag,
        without_tag=without_tag,
        in_zone=in_zone,
        has=has,
        clients=clients,
        except_clients=except_clients,
        one_per_contact=one_per_contact,
        file=filter_,
    )
    whom = whom_instead(audience, wanted, to_all=to_all)
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
    changes |= delivery_of(priority, max_attempts, on_unknown, class_, topic)
    changes |= times_of(
        clock=clock,
        clock_zone=clock_zone,
        local_time=local_time,
        if_passed=if_passed,
        if_no_zone=if_no_zone,
        if_none=if_none_preferred,
        quiet_hours=quiet_hours,
    )
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
    changes |= whom
    if not changes:
        raise typer.BadParameter("say what to change, such as --ends-at")
    changed = run(lambda api: api.patch("catalog", f"/v1/mailings/{mailing_id}", changes))
    show(output, changed, lambda: mailing_table(changed))
    note_unknown(wanted, changed)
    for remark in changed.get("remarks", ()):  # none of an older catalog
        note(f"Note: {remark['detail']}.")
