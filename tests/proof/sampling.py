"""Schedules and stretches of time by chance, most of them where clocks change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from tests.proof.model import CRON_DAYS, CRON_MONTHS, DAY, MINUTE, WEEK

Json: TypeAlias = dict[str, Any]

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
HALF_DAY = timedelta(hours=12)
AROUND = 2 * DAY  # a transition
NOTHING = timedelta(0)
NEAR_MINUTES = (-100, 100)


@dataclass(frozen=True)
class Window:
    """Some days of a zone; the middle is where clocks change, if they do."""

    zone: ZoneInfo
    begin: datetime
    end: datetime
    transition: datetime | None

    @property
    def jump(self) -> int:
        """Return by how many minutes the clock is set; less than none: back."""
        at = self.transition or self.begin
        before, after = (each.astimezone(self.zone).utcoffset() for each in (at - MINUTE, at))
        return ((after or NOTHING) - (before or NOTHING)) // MINUTE


def transitions(zone: ZoneInfo) -> list[datetime]:
    """Return the minutes of 2000 to 2037 at which a zone's offset changes."""
    found, at = [], FIRST
    before = at.astimezone(zone).utcoffset()
    while at < LAST:
        at += HALF_DAY
        offset = at.astimezone(zone).utcoffset()
        if offset != before:
            found.append(_first_minute(at - HALF_DAY, at, zone))
        before = offset
    return found


def _first_minute(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = low.astimezone(zone).utcoffset()
    while high - low > MINUTE:
        middle = low + (high - low) // MINUTE // 2 * MINUTE
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def windows(zone: ZoneInfo, chance: Random, changing: int, ordinary: int) -> list[Window]:
    """Return days around some transitions, and some weeks of a zone."""
    all_found = transitions(zone)
    chosen = chance.sample(all_found, min(changing, len(all_found)))
    found = [Window(zone, at - AROUND, at + AROUND, at) for at in chosen]
    weeks = (LAST - FIRST) // DAY - 7
    for _ in range(ordinary + changing - len(chosen)):
        begin = FIRST + chance.randrange(weeks) * DAY
        found.append(Window(zone, begin, begin + 7 * DAY, None))
    return found


class Sampler:
    """Makes schedules for a window."""

    def __init__(self, window: Window, chance: Random) -> None:
        self._window, self._chance = window, chance

    def stretch(self) -> tuple[datetime, datetime]:
        """Return two instants of the window."""
        window, chance = self._window, self._chance
        if chance.random() < 0.4:
            return window.begin, window.end
        whole = int((window.end - window.begin).total_seconds())
        of_seconds = sorted(chance.randrange(0, whole, chance.choice((1, 60, 900))) for _ in "ab")
        first, last = (window.begin + timedelta(seconds=each) for each in of_seconds)
        return first, last

    def schedule(self) -> Json:
        """Return a schedule in the window's zone, as JSON has it."""
        chance = self._chance
        entries = [self._entry() for _ in range(chance.choices((1, 2, 3), (8, 1, 1))[0])]
        if chance.random() < 0.85:
            return {"entries": entries}
        dates = {str(self._local().date()) for _ in range(chance.randint(1, 2))}
        return {"entries": entries, "except_dates": sorted(dates)}

    def _entry(self) -> Json:
        kinds = (self._once, self._daily, self._weekly, self._monthly, self._cron)
        made = self._chance.choices(kinds, (2, 4, 3, 5, 6))[0]()
        return made | {"zone": self._window.zone.key}

    def _local(self) -> datetime:
        """Return a local minute of the window, most likely one near the transition.

        It goes on from what a clock showed right before, so it may be one that is skipped.
        """
        window, chance = self._window, self._chance
        if window.transition is not None and chance.random() < 0.7:
            at, jump = window.transition - MINUTE, window.jump
            near = sorted((1, jump)) if chance.random() < 0.5 else NEAR_MINUTES
            moved = chance.randint(*near)
        else:
            at, moved = window.begin, chance.randrange((window.end - window.begin) // MINUTE)
        return at.astimezone(window.zone).replace(tzinfo=None, fold=0) + moved * MINUTE

    def _time(self) -> str:
        return f"{self._local():%H:%M}"

    def _once(self) -> Json:
        return {"kind": "once", "at": f"{self._local():%Y-%m-%dT%H:%M}"}

    def _daily(self) -> Json:
        return {"kind": "daily", "at": self._time()}

    def _weekly(self) -> Json:
        days = {WEEK[self._local().weekday()] for _ in range(self._chance.randint(1, 3))}
        return {"kind": "weekly", "days": sorted(days), "at": self._time()}

    def _monthly(self) -> Json:
        chance, day = self._chance, self._local()
        nth = chance.choice(((day.day + 6) // 7, "last", 5))
        on: Json = chance.choice(
            (
                {"kind": "day", "day": day.day},
                {"kind": "day", "day": 31},
                {"kind": "last_day"},
                {"kind": "weekday", "weekday": WEEK[day.weekday()], "nth": nth},
            )
        )
        missing = chance.choice(("last_day", "skip"))
        return {"kind": "monthly", "on": on, "at": self._time(), "missing": missing}

    # Cron

    def _cron(self) -> Json:
        chance, local = self._chance, self._local()
        minute = self._field(local.minute, 59, (40, 15, 8, 12, 1))
        hour = self._field(local.hour, 23, (40, 15, 10, 10, 8))
        day = self._day(local)
        month = self._month(local)
        weekday = self._weekday(local)
        expression = f"{minute} {hour} {day} {month} {weekday}"
        return {
            "kind": "cron",
            "expression": expression.lower() if chance.random() < 0.1 else expression,
        }

    def _field(self, value: int, most: int, weights: Sequence[int]) -> str:
        """Return a number, a list, a range, a step or a star that most likely has `value`."""
        chance = self._chance
        others = sorted({value, *(chance.randint(0, most) for _ in range(2))})
        low, high = chance.randint(0, value), chance.randint(value, most)
        forms = (
            str(value),
            ",".join(map(str, others)),
            f"{low}-{high}{chance.choice(('', '', '/2', '/7'))}",
            f"{chance.choice(('*', str(low)))}/{chance.choice((2, 3, 5, 7, 10, 15, 20, 30))}",
            "*",
        )
        return chance.choices(forms, weights)[0]

    def _day(self, local: datetime) -> str:
        day, chance = local.day, self._chance
        forms = (
            "*",
            str(day),
            f"{max(1, day - 3)}-{day}",
            "L",
            "LW",
            f"*/{chance.randint(2, 16)}",
            f"{day},L",
        )
        return chance.choices(forms, (60, 10, 6, 6, 4, 8, 6))[0]

    def _month(self, local: datetime) -> str:
        month = local.month
        low = max(1, month - 2)
        forms = (
            "*",
            str(month),
            CRON_MONTHS[month],
            f"{low}-{month}",
            "*/2",
            f"{CRON_MONTHS[low]},12",
        )
        return self._chance.choices(forms, (70, 6, 6, 8, 5, 5))[0]

    def _weekday(self, local: datetime) -> str:
        day = local.isoweekday()
        nth = (local.day + 6) // 7
        name = CRON_DAYS[day % 7]
        forms = (
            "*",
            str(day),
            name,
            f"1-{day}",
            f"{day}L",
            f"{name}#{nth}",
            "*/2",
            f"{day % 7},WED",
            "5/2",
        )
        return self._chance.choices(forms, (50, 8, 8, 8, 6, 8, 4, 6, 2))[0]
