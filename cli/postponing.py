"""The command that postpones a mailing which has not begun."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.mailing_tables import mailing_table, note_remarks
from cli.options import MailingId, read_duration, read_instant
from cli.render import Format, Json, show
from shared.schedule.instants import local_time
from shared.schedule.zones import load_zone

app = typer.Typer()

By = Annotated[
    timedelta | None,
    typer.Option("--by", parser=read_duration, metavar="DURATION", help="Later by that, as 1d."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=read_instant, metavar="INSTANT", help="The new start."),
]


@app.command("postpone")
def postpone_mailing(
    mailing_id: MailingId, *, by: By = None, to: To = None, output: Format = Output.TABLE
) -> None:
    """Let a mailing that has not begun begin later; its end moves along.

    So it has as much time as before. If it has begun or was changed meanwhile, nothing happens.
    """
    if (by is None) == (to is None):
        raise typer.BadParameter("say how much later or when: either --by or --to")
    path = f"/v1/mailings/{mailing_id}"

    async def work(api: Api) -> Json:
        found: Json = await api.get("catalog", path)
        changes = postponed(found, by, to)
        return await api.patch("catalog", path, changes, version=found["version"])

    changed = run(work)
    show(output, changed, lambda: mailing_table(changed))
    note_remarks(changed)


def postponed(mailing: Json, by: timedelta | None, to: datetime | None) -> Json:
    """Return what lets a mailing begin later by `by`, or at `to`, and end as much later.

    The day and time that clients' own clocks are to show move along.

    Raises:
        Failure: It recurs.
        typer.BadParameter: That is no time to come.
    """
    if mailing.get("schedule") is not None:
        raise Failure(
            "It recurs: each run begins by its schedule.\n  What to do: `./mailings mailings "
            f"edit {mailing['mailing_id']}` changes when, with --repeat or --starts-at.",
            Exit.CONFLICT,
        )
    starts, ends = (datetime.fromisoformat(mailing[each]) for each in ("starts_at", "ends_at"))
    try:
        begins = starts + by if by is not None else to or starts
        moved = {"starts_at": begins, "ends_at": ends + (begins - starts)}
    except OverflowError:
        raise typer.BadParameter("that is later than time goes") from None
    if begins <= datetime.now(UTC):
        raise typer.BadParameter(f"{begins.isoformat()} has passed; say a time that is to come")
    changes: Json = {name: at.isoformat() for name, at in moved.items()}
    policy = mailing.get("time_policy") or {}
    if "T" in (policy.get("at") or ""):  # else it is a time of any day
        zone = load_zone(policy.get("zone") or "UTC")
        later = local_time(begins, zone) - local_time(starts, zone)
        at = datetime.fromisoformat(policy["at"]) + later
        changes["time_policy"] = {"at": at.isoformat(timespec="minutes")}
    return changes
