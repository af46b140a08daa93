"""The commands about schedules: when mailings recur, before they are saved and after."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType

from cli import Output, read_id
from cli.api import Api, run
from cli.grouped import grouped
from cli.mailing_tables import note_remarks
from cli.options import EndsAt, For, StartsAt, end_of
from cli.render import Format, Json, facts, grid, instant, show
from cli.scheduling import Repeat, ScheduleFile, ScheduleOptions, Zone, read_schedule

app = typer.Typer(help="Schedules: when mailings recur.", no_args_is_help=True)

A_YEAR = timedelta(days=366)
REMARKS = {
    "gap": "no such local time that day: at the first moment after",
    "fold": "comes twice that day: at the first",
}


@app.command("preview")
@grouped
def preview_schedule(  # noqa: PLR0913 (options are the fields of a schedule)
    mailing_id: Annotated[
        UUID | None,
        typer.Argument(parser=read_id, metavar="[ID]", help="Of a mailing that is saved."),
    ] = None,
    *,
    recurrence: ScheduleOptions,
    starts_at: StartsAt = None,
    ends_at: EndsAt = None,
    for_: For = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 20,
    output: Format = Output.TABLE,
) -> None:
    """Show the next occurrences, each in its zone, and what changes of clocks do to them."""
    typed = read_schedule(recurrence)
    if (typed is None) == (mailing_id is None):
        raise typer.BadParameter("say either a mailing's ID, or when with --repeat and --zone")
    window: Json = {"starts_at": starts_at.isoformat() if starts_at else None, "limit": limit}
    if ends_at is not None or for_ is not None:
        window["ends_at"] = end_of(starts_at, ends_at, for_).isoformat()

    async def work(api: Api) -> Json:
        if mailing_id is None:
            default = (starts_at or datetime.now(UTC)) + A_YEAR
            body = {"schedule": typed, "ends_at": default.isoformat()} | window
        else:
            found = await api.get("catalog", f"/v1/mailings/{mailing_id}")
            if found.get("schedule") is None:
                raise typer.BadParameter("this mailing has no schedule: it runs once")
            names = ("schedule", "starts_at", "ends_at", "time_policy")
            given = {name: value for name, value in window.items() if value is not None}
            body = {name: found[name] for name in names if found.get(name) is not None} | given
        return await preview_of_schedule(api, body)

    preview = run(work)
    show(output, preview, lambda: schedule_table(preview))
    note_remarks(preview)


async def preview_of_schedule(api: Api, body: Json) -> Json:
    """Return when a schedule would run.

    Raises:
        Failure: It is refused, or the service is not there.
    """
    preview: Json = await api.post("scheduler", "/v1/schedule-previews", body)
    return preview


def schedule_table(preview: Json) -> RenderableType:
    """Return the occurrences of a schedule, as a table."""
    rows = (
        [
            each["nominal"],
            instant(each["at"]),
            each["at"],
            REMARKS.get(each["remark"] or "", each["remark"]),
        ]
        for each in preview["occurrences"]
    )
    head = facts([
        *(("when", sentence) for sentence in preview["words"]["en"]),
        ("time zones", f"tzdata {preview['tzdata']}"),
    ])  # fmt: skip
    return Group(head, grid(("nominal", "here", "UTC", "remark"), rows))


@app.command("explain")
def explain_schedule(
    *,
    repeat: Repeat = None,
    zone: Zone = None,
    schedule: ScheduleFile = None,
    russian: Annotated[bool, typer.Option("--ru", help="In Russian.")] = False,
    output: Format = Output.TABLE,
) -> None:
    """Say in words when a schedule recurs."""
    typed = read_schedule(ScheduleOptions(schedule=schedule, repeat=repeat, zone=zone))
    if typed is None:
        raise typer.BadParameter('say when, such as --repeat "daily 09:00" --zone Europe/Moscow')
    ends_at = (datetime.now(UTC) + A_YEAR).isoformat()
    body = {"schedule": typed, "ends_at": ends_at, "limit": 1}
    words = run(lambda api: api.post("scheduler", "/v1/schedule-previews", body))["words"]
    lines = words["ru" if russian else "en"]
    show(output, {"words": lines}, lambda: "\n".join(lines))
