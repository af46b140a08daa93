"""The command that changes mailings."""

from typing import Annotated

import typer

from cli import Output
from cli.api import run
from cli.filtering import (
    FilterOptions,
    Saved,
    note_unknown,
    read_filter,
    whom_instead,
)
from cli.grouped import grouped
from cli.mailing_tables import mailing_table, note_remarks
from cli.options import (
    GATEWAYS,
    Body,
    BodyFile,
    DeliveryOptions,
    EndsAt,
    HtmlFile,
    MailingId,
    Name,
    StartsAt,
    content_of,
    delivery_of,
    text_of,
)
from cli.render import Format, Json, show
from cli.scheduling import ScheduleOptions, read_schedule
from cli.timing import TimeOptions, times_of

app = typer.Typer()


@app.command("edit")
@grouped
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
    whom: FilterOptions,
    audience: Saved = None,
    to_all: Annotated[bool, typer.Option("--to-all", help="Without a filter.")] = False,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    gateway: Annotated[str | None, typer.Option(metavar="NAME", help=GATEWAYS)] = None,
    delivery: DeliveryOptions,
    times: TimeOptions,
    recurrence: ScheduleOptions,
    output: Format = Output.TABLE,
) -> None:
    """Change a mailing; what is not named stays.

    Of one that runs once and has begun only the name and the end can be changed.
    Of a recurring one all can: a run that has begun keeps what it began with.
    """
    wanted = read_filter(whom)
    whom_now = whom_instead(audience, wanted, to_all=to_all)
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
    changes |= delivery_of(delivery)
    changes |= times_of(times)
    recurs = read_schedule(recurrence)
    if recurs is not None:
        changes["schedule"] = recurs
    if no_html:
        changes["html"] = None
    changes |= {
        field: value or None
        for field, value in (("subject", subject), ("sender", sender))
        if value is not None
    }
    changes |= whom_now
    if not changes:
        raise typer.BadParameter("say what to change, such as --ends-at")
    changed = run(lambda api: api.patch("catalog", f"/v1/mailings/{mailing_id}", changes))
    show(output, changed, lambda: mailing_table(changed))
    note_unknown(wanted, changed)
    note_remarks(changed)
