"""Cron expressions of five fields, as cronsim reads them; the walk through days is ours.

cronsim's own iteration follows Debian's cron where clocks change: what has `*` for minutes or
hours fires twice in an hour that comes twice, and not at all for one that is skipped.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

LONGEST = 200  # characters
# What may stand in each field, beside `*`, lists, ranges and steps.
FIELDS = (
    (Field.MINUTE, "a minute is 0 to 59"),
    (Field.HOUR, "an hour is 0 to 23"),
    (Field.DAY, "a day of the month is 1 to 31, L (the last) or LW (the last Monday to Friday)"),
    (Field.MONTH, "a month is 1 to 12 or JAN to DEC"),
    (
        Field.DOW,
        "a day of the week is 0 to 7 (both Sunday), SUN to SAT, 5L (last) or 5#2 (second)",
    ),
)
SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 - it is asked for, and not used


class NeverDue(ValueError):
    """No month of an expression has its day, such as 31 February."""


class CronMistake(NamedTuple):
    """What is wrong with an expression, and where."""

    character: int  # from 1
    detail: str


def parse_cron(expression: str) -> CronSim:
    """Return an expression's fields.

    Raises:
        ValueError: With what is wrong, and where.
        NeverDue: Nothing is wrong but that.
    """
    for found in cron_mistakes(expression):
        raise ValueError(f"{found.detail}, at character {found.character}")
    try:
        return CronSim(_as_meant(expression), SOME_DAY)
    except CronSimError:
        raise NeverDue from None


def _as_meant(expression: str) -> str:
    """Return it without the steps of ranges of one: cronsim reads `9-9/2` as `9/2`, from 9 on."""
    return " ".join(
        ",".join(map(partial(_without_idle_step, field), text.upper().split(",")))
        for text, (field, _) in zip(expression.split(), FIELDS, strict=True)
    )


def _without_idle_step(field: Field, term: str) -> str:
    numbers, _, step = term.partition("/")
    return numbers if step and "-" in numbers and len(field.parse(numbers)) == 1 else term


def cron_mistakes(expression: str) -> Iterator[CronMistake]:
    """Yield what is wrong with an expression, from left to right."""
    fields = list(re.finditer(r"\S+", expression))
    if len(expression) > LONGEST or not expression.isascii():
        yield CronMistake(1, f"at most {LONGEST} characters of ASCII are allowed")
        return
    if len(fields) != len(FIELDS):
        start = fields[len(FIELDS)].start() if len(fields) > len(FIELDS) else len(expression)
        names = "minute, hour, day of month, month and day of week"
        yield CronMistake(start + 1, f"five fields are needed: {names}, as in 0 9 * * MON")
        return
    for place, of in zip(fields, FIELDS, strict=True):
        yield from _in_field(place, *of)


def _in_field(place: re.Match[str], field: Field, allowed: str) -> Iterator[CronMistake]:
    start = place.start()
    for term in place[0].upper().split(","):
        try:
            field.parse(term)
        except CronSimError:
            yield CronMistake(start + 1, allowed)
        start += len(term) + 1
