"""How times are typed: by whose clock messages are due, and at which hours not."""

import re
from enum import StrEnum
from typing import Annotated

import typer

from cli.render import Json

HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class ByClock(StrEnum):
    """By whose clock messages are due."""

    MAILING = "mailing"
    RECIPIENT = "recipient"
    PREFERRED = "preferred"


class Passed(StrEnum):
    """What becomes of a client where the local time was over before the run began."""

    SEND_NOW = "send_now"
    SKIP = "skip"
    NEXT_DAY = "next_day_if_inside_window"


class NoZone(StrEnum):
    """What becomes of a client of whom no zone is known."""

    MAILING_ZONE = "mailing_zone"
    SKIP = "skip"


class Otherwise(StrEnum):
    """When those get it who prefer no time inside the window."""

    MAILING_ZONE = "mailing_zone"
    RECIPIENT_LOCAL = "recipient_local"


KINDS = {ByClock.RECIPIENT: "recipient_local", ByClock.PREFERRED: "preferred_times"}
Clocks = Annotated[
    ByClock | None,
    typer.Option("--clock", help="By whose clock messages are due: when a run begins; or there."),
]
ClockZone = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="The mailing's, for --clock; default: that of --repeat."),
]
LocalTime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Of --clock, as 09:00 or 2026-03-01T09:00; default: of the start."
    ),
]
IfPassed = Annotated[
    Passed | None, typer.Option("--if-passed", help="Where the local time was over already.")
]
IfNoZone = Annotated[
    NoZone | None, typer.Option("--if-no-zone", help="Of clients whose zone is not known.")
]
IfNone = Annotated[
    Otherwise | None,
    typer.Option("--if-none-preferred", help="Of clients who prefer no time in the window."),
]
QuietHours = Annotated[
    str | None,
    typer.Option(
        "--quiet-hours", metavar="HOURS", help="As 21:00-09:00; none; or the platform's: default."
    ),
]


def times_of(  # noqa: PLR0913 (each is an option)
    *,
    clock: ByClock | None = None,
    clock_zone: str | None = None,
    local_time: str | None = None,
    if_passed: Passed | None = None,
    if_no_zone: NoZone | None = None,
    if_none: Otherwise | None = None,
    quiet_hours: str | None = None,
) -> Json:
    """Return what was typed as the API takes it.

    Raises:
        typer.BadParameter: It cannot be understood.
    """
    typed = {
        "kind": clock and KINDS.get(clock),
        "zone": clock_zone,
        "at": local_time,
        "already_passed": if_passed,
        "no_zone": if_no_zone,
        "otherwise": if_none,
    }
    policy = {name: value for name, value in typed.items() if value is not None}
    found: Json = {"time_policy": policy} if policy else {}
    if clock is ByClock.MAILING:
        if policy:
            raise typer.BadParameter("--clock mailing has no other rules: all get it at once")
        found["time_policy"] = None
    if quiet_hours is not None:
        found["quiet_hours"] = _hours(quiet_hours)
    return found


def _hours(text: str) -> Json | None:
    if text == "default":
        return None
    if text == "none":
        return {"begins": "00:00", "ends": "00:00"}
    if not HOURS.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is not as in 21:00-09:00, none or default")
    begins, _, ends = text.partition("-")
    return {"begins": begins, "ends": ends}
