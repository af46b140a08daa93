"""An entry in words, one sentence: cron expressions too, in English as cronsim explains them."""

from datetime import date
from typing import Literal, TypeAlias

from shared.contracts.schedule import (
    Cron,
    Daily,
    DayOfMonth,
    Entry,
    LastDay,
    Missing,
    MonthDay,
    Monthly,
    NthWeekday,
    Once,
    Weekly,
)
from shared.schedule import words_ru
from shared.schedule.cron import parse_cron
from shared.schedule.instants import read_wall
from shared.schedule.rules import DAYS

Language: TypeAlias = Literal["en", "ru"]

ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", "last": "last"}
SHORTEST_MONTH = 28


def in_words(entry: Entry, language: Language = "en") -> str:
    """Return an entry without mistakes as one sentence.

    A cron expression that has no short form in Russian stands there itself.
    """
    if language == "ru":
        return words_ru.sentence(entry)
    return f"{_when(entry)} ({entry.zone})."


def _when(entry: Entry) -> str:
    match entry:
        case Once(at=at):
            wall = read_wall(at)
            return f"Once, on {_date(wall.date())} at {wall:%H:%M}"
        case Daily(at=at):
            return f"Every day at {at}"
        case Weekly(days=days, at=at) if len(set(days)) == len(DAYS):
            return f"Every day at {at}"
        case Weekly(days=days, at=at):
            names = [each.capitalize() for each in DAYS if each in days]
            return f"Every week on {_joined(names)} at {at}"
        case Monthly(on=on, at=at, missing=missing):
            return f"Every month on {_month_day(on)} at {at}{_otherwise(on, missing)}"
        case Cron(expression=expression):
            return parse_cron(expression).explain()


def _month_day(on: MonthDay) -> str:
    match on:
        case DayOfMonth(day=day):
            return f"day {day}"
        case LastDay():
            return "its last day"
        case NthWeekday(weekday=weekday, nth=nth):
            return f"its {ORDINALS[nth]} {weekday.capitalize()}"


def _otherwise(on: MonthDay, missing: Missing) -> str:
    """Return what becomes of months without the day, if there are any."""
    match on, missing:
        case (DayOfMonth(day=day), _) if day <= SHORTEST_MONTH:
            return ""
        case (DayOfMonth(), Missing.LAST_DAY):
            return ", or on its last day if it has no such day"
        case (NthWeekday(nth=5, weekday=weekday), Missing.LAST_DAY):
            return f", or on its last {weekday.capitalize()} if it has no fifth"
        case (DayOfMonth() | NthWeekday(nth=5), _):
            return "; not in a month without it"
        case _:
            return ""


def _date(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _joined(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
