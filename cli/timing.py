"""How times are typed: by whose clock messages are due, and at which hours not."""

import re
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeOptions:
    """The options of when each client gets a mailing."""

    clock: Clocks = None
    clock_zone: ClockZone = None
    local_time: LocalTime = None
    if_passed: IfPassed = None
    if_no_zone: IfNoZone = None
    if_none_preferred: IfNone = None
    quiet_hours: QuietHours = None


def times_of(options: TimeOptions) -> Json:
    """Return what was typed as the API takes it.

    Raises:
        typer.BadParameter: It cannot be understood.
    """
    typed = {
        "kind": options.clock and KINDS.get(options.clock),
        "zone": options.clock_zone,
        "at": options.local_time,
        "already_passed": options.if_passed,
        "no_zone": options.if_no_zone,
        "otherwise": options.if_none_preferred,
    }
    policy = {name: value for name, value in typed.items() if value is not None}
    found: Json = {"time_policy": policy} if policy else {}
    if options.clock is ByClock.MAILING:
        if policy:
            raise typer.BadParameter("--clock mailing has no other rules: all get it at once")
        found["time_policy"] = None
    if options.quiet_hours is not None:
        found["quiet_hours"] = _hours(options.quiet_hours)
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
