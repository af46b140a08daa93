"""How schedules are typed: the options that say when a mailing recurs."""

import json
import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, TextIO

import typer

from cli.options import read_duration
from cli.render import Json

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NTH = re.compile(r"(?P<day>[a-z]+)#(?P<nth>[1-5]|last)", re.IGNORECASE)
FORMS = (
    '"daily 09:00", "weekly mon,fri 09:00", "monthly 15 09:00", "monthly last 09:00", '
    '"monthly mon#1 09:00", "cron 0 9 * * 1-5" or "once 2026-03-01T09:00"'
)


class Overlap(StrEnum):
    """What becomes of an occurrence while a run before it is going on."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class Missed(StrEnum):
    """What becomes of occurrences that came due while nothing fired them."""

    RUN_LATEST = "run_latest"
    RUN_ALL = "run_all"
    SKIP = "skip"


Repeat = Annotated[
    list[str] | None,
    typer.Option(
        "--repeat", metavar="WHEN", help=f"When it recurs; may be given more than once: {FORMS}."
    ),
]
Zone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Of --repeat, such as Europe/Moscow.")
]
ScheduleFile = Annotated[
    typer.FileText | None,
    typer.Option("--schedule", encoding="utf-8", help="The whole schedule, as JSON or TOML."),
]
RunWindow = Annotated[
    timedelta | None,
    typer.Option(
        "--run-window", parser=read_duration, metavar="DURATION", help="Of each run; default: 1d."
    ),
]
Overlaps = Annotated[
    Overlap | None, typer.Option("--overlap", help="While a run before is going on.")
]
Misses = Annotated[
    Missed | None, typer.Option("--missed", help="Of what came due while nothing fired it.")
]
CatchUp = Annotated[
    timedelta | None,
    typer.Option(
        "--catch-up", parser=read_duration, metavar="DURATION", help="Later than that none runs."
    ),
]
Count = Annotated[int | None, typer.Option(min=1, help="No more occurrences than that.")]
Except = Annotated[
    list[str] | None,
    typer.Option("--except", metavar="DATE", help="None on this local date, as 2026-12-31."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """The options of when a mailing recurs."""

    repeat: Repeat = None
    zone: Zone = None
    schedule: ScheduleFile = None
    run_window: RunWindow = None
    overlap: Overlaps = None
    missed: Misses = None
    catch_up: CatchUp = None
    count: Count = None
    except_: Except = None


def read_schedule(options: ScheduleOptions) -> Json | None:
    """Return what was typed as the API takes it; None if nothing was.

    Raises:
        typer.BadParameter: It cannot be understood.
    """
    typed: Json = {} if options.schedule is None else _content(options.schedule)
    zone, window, catch_up = options.zone, options.run_window, options.catch_up
    if options.repeat:
        if zone is None:
            raise typer.BadParameter("say in which --zone, such as Europe/Moscow")
        typed["entries"] = [_entry(each, zone) for each in options.repeat]
    elif zone is not None:
        raise typer.BadParameter("--zone is that of --repeat: say when it recurs")
    others = {
        "window_s": window and int(window.total_seconds()),
        "overlap": options.overlap,
        "missed": options.missed,
        "catch_up_s": catch_up and int(catch_up.total_seconds()),
        "count": options.count,
        "except_dates": options.except_,
    }
    typed |= {name: value for name, value in others.items() if value is not None}
    return typed or None


def _content(file: TextIO) -> Json:
    try:
        text = file.read()
        found = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file.name} is neither JSON nor TOML: {error}") from None
    whole: Json = found.get("schedule", found)
    return whole


def _entry(text: str, zone: str) -> Json:
    """Return the entry that is typed as in FORMS."""
    kind, _, rest = text.strip().partition(" ")
    when, _, at = rest.strip().rpartition(" ")
    match kind.lower():
        case "daily" if not when and at:
            return {"kind": "daily", "at": at, "zone": zone}
        case "weekly" if when:
            days = [_day(each, text) for each in when.replace(",", " ").split()]
            return {"kind": "weekly", "days": days, "at": at, "zone": zone}
        case "monthly" if when:
            return {"kind": "monthly", "on": _month_day(when, text), "at": at, "zone": zone}
        case "cron" if rest:
            return {"kind": "cron", "expression": rest.strip(), "zone": zone}
        case "once" if not when and at:
            return {"kind": "once", "at": at, "zone": zone}
    raise typer.BadParameter(f"{text!r} is none of {FORMS}")


def _month_day(when: str, text: str) -> Json:
    if when.isdecimal():
        return {"kind": "day", "day": int(when)}
    if when.lower() == "last":
        return {"kind": "last_day"}
    if (found := NTH.fullmatch(when)) is None:
        raise typer.BadParameter(f"{text!r} is none of {FORMS}")
    nth = found["nth"].lower()
    weekday = _day(found["day"], text)
    return {"kind": "weekday", "weekday": weekday, "nth": nth if nth == "last" else int(nth)}


def _day(name: str, text: str) -> str:
    """Return the day of the week that begins so."""
    found = [each for each in DAYS if each.startswith(name.lower())]
    if len(name) < 3 or len(found) != 1:  # noqa: PLR2004 - as in mon, the shortest that is clear
        raise typer.BadParameter(f"{name!r} in {text!r} is no day such as mon or friday")
    return found[0]
