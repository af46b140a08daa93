"""The same words in Russian, and those of the common forms of cron expressions."""
# ruff: noqa: RUF001 - Russian

from datetime import date

from cronsim import CronSim

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
    Weekday,
    Weekly,
)
from shared.schedule.cron import parse_cron
from shared.schedule.instants import read_wall
from shared.schedule.rules import DAYS

MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня", "июля"),
    *("августа", "сентября", "октября", "ноября", "декабря"),
)
IN_MONTHS = (
    *("январе", "феврале", "марте", "апреле", "мае", "июне", "июле"),
    *("августе", "сентябре", "октябре", "ноябре", "декабре"),
)
# Of each day: on all of them, on one, and the ordinals of its gender.
ON_DAYS = (
    *("понедельникам", "вторникам", "средам", "четвергам"),
    *("пятницам", "субботам", "воскресеньям"),
)
ON_DAY = ("понедельник", "вторник", "среду", "четверг", "пятницу", "субботу", "воскресенье")
MALE = {1: "первый", 2: "второй", 3: "третий", 4: "четвёртый", 5: "пятый", "last": "последний"}
FEMALE = {1: "первую", 2: "вторую", 3: "третью", 4: "четвёртую", 5: "пятую", "last": "последнюю"}
NEUTER = {1: "первое", 2: "второе", 3: "третье", 4: "четвёртое", 5: "пятое", "last": "последнее"}
ORDINALS = (MALE, MALE, FEMALE, MALE, FEMALE, FEMALE, NEUTER)
SHORTEST_MONTH = 28
MOST_TIMES = 4  # that are listed


def sentence(entry: Entry) -> str:
    """Return an entry as one sentence."""
    return f"{_when(entry)} ({entry.zone})."


def _when(entry: Entry) -> str:
    match entry:
        case Once(at=at):
            wall = read_wall(at)
            return f"Один раз, {_date(wall.date())} в {wall:%H:%M}"
        case Daily(at=at):
            return f"Каждый день в {at}"
        case Weekly(days=days, at=at):
            return f"{_weekly({DAYS.index(each) for each in days})} в {at}"
        case Monthly(on=on, at=at, missing=missing):
            return f"Каждый месяц {_month_day(on)} в {at}{_otherwise(on, missing)}"
        case Cron(expression=expression):
            return _cron(expression) or f"По выражению cron {expression}"


def _weekly(days: set[int]) -> str:
    if len(days) == len(DAYS):
        return "Каждый день"
    return f"Каждую неделю по {_joined([ON_DAYS[each] for each in sorted(days)])}"


def _month_day(on: MonthDay) -> str:
    match on:
        case DayOfMonth(day=day):
            return f"{day}-го числа"
        case LastDay():
            return "в последний день"
        case NthWeekday(weekday=weekday, nth=nth):
            return f"{'во' if nth == 2 else 'в'} {_nth(weekday, nth)}"  # noqa: PLR2004 - второй


def _nth(weekday: Weekday, nth: int | str) -> str:
    number = DAYS.index(weekday)
    return f"{ORDINALS[number][nth]} {ON_DAY[number]}"


def _otherwise(on: MonthDay, missing: Missing) -> str:
    match on, missing:
        case (DayOfMonth(day=day), _) if day <= SHORTEST_MONTH:
            return ""
        case (DayOfMonth(), Missing.LAST_DAY):
            return ", а если такого числа нет, в последний день"
        case (NthWeekday(nth=5, weekday=weekday), Missing.LAST_DAY):
            return f", а если пятого раза нет, в {_nth(weekday, 'last')}"
        case (DayOfMonth() | NthWeekday(nth=5), _):
            return "; месяцы без этого дня пропускаются"
        case _:
            return ""


# Expressions


def _cron(expression: str) -> str | None:
    """Return the words for an expression's form; None if it is no common one."""
    parsed = parse_cron(expression)
    days, rest = _cron_days(parsed), _cron_months(parsed)
    if days is None:
        return None
    if len(parsed.minutes) * len(parsed.hours) <= MOST_TIMES:
        times = [f"{hour:02}:{minute:02}" for hour in parsed.hours for minute in parsed.minutes]
        how_often = "Каждый день" if not days else f"{days[0].upper()}{days[1:]}"
        return f"{how_often} в {_joined(sorted(times))}{rest}"
    interval = _interval(parsed)
    return interval and f"{interval}{days and f' {days}'}{rest}"


def _interval(parsed: CronSim) -> str | None:
    minutes, hours = sorted(parsed.minutes), sorted(parsed.hours)
    if hours == [*range(24)]:
        match minutes:
            case [minute]:
                return f"Каждый час в {minute:02} мин."
            case [0, step, *_] if 60 % step == 0 and minutes == [*range(0, 60, step)]:
                return "Каждую минуту" if step == 1 else f"Каждые {step} мин."
            case _:
                return None
    match minutes, hours:
        case [minute], [0, step, *_] if 24 % step == 0 and hours == [*range(0, 24, step)]:
            return f"Каждые {step} ч., начиная с 00:{minute:02}"
        case _:
            return None


def _cron_days(parsed: CronSim) -> str | None:
    """Return on which days, nothing for all of them; None if there are no words for it."""
    _, _, _, day, _, weekday = parsed.parts
    numbers = sorted(parsed.days)
    match day, weekday:
        case "*", "*":
            return ""
        case "*", _ if all(isinstance(each, int) for each in parsed.weekdays):
            in_week = {(int(each) - 1) % 7 for each in parsed.weekdays if isinstance(each, int)}
            names = _joined([ON_DAYS[each] for each in sorted(in_week)])
            return "" if len(in_week) == len(DAYS) else f"по {names}"
        case "L", "*":
            return "в последний день месяца"
        case _, "*" if numbers[0] > 0 and len(numbers) <= MOST_TIMES:
            return f"{_joined([f'{number}-го' for number in numbers])} числа"
        case _:
            return None


def _cron_months(parsed: CronSim) -> str:
    if len(parsed.months) == len(MONTHS):
        return ""
    return f", только в {_joined([IN_MONTHS[month - 1] for month in sorted(parsed.months)])}"


def _date(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year} года"


def _joined(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} и {last}" if most else last
