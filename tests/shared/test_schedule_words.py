"""An entry in words, in English and in Russian."""
# ruff: noqa: RUF001 - Russian

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.schedule import Entry, Schedule
from shared.schedule import in_words, mistakes

AT = {"at": "09:05", "zone": "Europe/Moscow"}


def entry(**fields: Any) -> Entry:
    return msgspec.convert({"entries": [AT | fields]}, Schedule).entries[0]


def monthly(missing: str = "last_day", **on: Any) -> Entry:
    return entry(kind="monthly", on=on, missing=missing)


def cron(expression: str) -> Entry:
    return entry(kind="cron", expression=expression)


@pytest.mark.parametrize(
    ("of", "english", "russian"),
    [
        (
            entry(kind="once", at="2026-03-01T09:05"),
            "Once, on 1 March 2026 at 09:05",
            "Один раз, 1 марта 2026 года в 09:05",
        ),
        (entry(kind="daily"), "Every day at 09:05", "Каждый день в 09:05"),
        (
            entry(kind="weekly", days=["friday", "monday"]),
            "Every week on Monday and Friday at 09:05",
            "Каждую неделю по понедельникам и пятницам в 09:05",
        ),
        (
            entry(kind="weekly", days=[*("sunday", "monday", "tuesday", "wednesday")]),
            "Every week on Monday, Tuesday, Wednesday and Sunday at 09:05",
            "Каждую неделю по понедельникам, вторникам, средам и воскресеньям в 09:05",
        ),
        (
            entry(
                kind="weekly",
                days=[
                    *("monday", "tuesday", "wednesday", "thursday"),
                    *("friday", "saturday", "sunday"),
                ],
            ),
            "Every day at 09:05",
            "Каждый день в 09:05",
        ),
        (
            monthly(kind="day", day=15),
            "Every month on day 15 at 09:05",
            "Каждый месяц 15-го числа в 09:05",
        ),
        (
            monthly(kind="day", day=31),
            "Every month on day 31 at 09:05, or on its last day if it has no such day",
            "Каждый месяц 31-го числа в 09:05, а если такого числа нет, в последний день",
        ),
        (
            monthly("skip", kind="day", day=31),
            "Every month on day 31 at 09:05; not in a month without it",
            "Каждый месяц 31-го числа в 09:05; месяцы без этого дня пропускаются",
        ),
        (
            monthly(kind="last_day"),
            "Every month on its last day at 09:05",
            "Каждый месяц в последний день в 09:05",
        ),
        (
            monthly(kind="weekday", weekday="tuesday", nth=2),
            "Every month on its second Tuesday at 09:05",
            "Каждый месяц во второй вторник в 09:05",
        ),
        (
            monthly(kind="weekday", weekday="sunday", nth="last"),
            "Every month on its last Sunday at 09:05",
            "Каждый месяц в последнее воскресенье в 09:05",
        ),
        (
            monthly(kind="weekday", weekday="wednesday", nth=5),
            (
                "Every month on its fifth Wednesday at 09:05, "
                "or on its last Wednesday if it has no fifth"
            ),
            "Каждый месяц в пятую среду в 09:05, а если пятого раза нет, в последнюю среду",
        ),
        (
            monthly("skip", kind="weekday", weekday="wednesday", nth=5),
            "Every month on its fifth Wednesday at 09:05; not in a month without it",
            "Каждый месяц в пятую среду в 09:05; месяцы без этого дня пропускаются",
        ),
        (cron("5 9 * * *"), "At 09:05 every day", "Каждый день в 09:05"),
        (
            cron("0 9,18 * * MON-FRI"),
            "At 09:00 and 18:00 on Monday through Friday",
            "По понедельникам, вторникам, средам, четвергам и пятницам в 09:00 и 18:00",
        ),
        (cron("0 9 * * 0-7"), "At 09:00 every day", "Каждый день в 09:00"),
        (
            cron("0 9 * * 7"),
            "At 09:00 on Sunday",
            "По воскресеньям в 09:00",
        ),
        (cron("* * * * *"), "Every minute", "Каждую минуту"),
        (cron("*/15 * * * *"), "Every 15th minute of every hour", "Каждые 15 мин."),
        (cron("5 * * * *"), "At minute 5 of every hour", "Каждый час в 05 мин."),
        (
            cron("0 */2 * * *"),
            "At minute 0 past every second hour",
            "Каждые 2 ч., начиная с 00:00",
        ),
        (
            cron("0 9 1,15 * *"),
            "At 09:00 on the first and the 15th day of month",
            "1-го и 15-го числа в 09:00",
        ),
        (
            cron("0 9 L * *"),
            "At 09:00 on the last day of every month",
            "В последний день месяца в 09:00",
        ),
        (
            cron("0 0 1 JAN,MAR *"),
            "At 00:00 on the first day of January and March",
            "1-го числа в 00:00, только в январе и марте",
        ),
        # No short form: the expression itself.
        (
            cron("0 0 * * 5#2"),
            "At 00:00 on the second Friday of the month",
            "По выражению cron 0 0 * * 5#2",
        ),
        (
            cron("*/7 * * * *"),
            "Every seventh minute of every hour",
            "По выражению cron */7 * * * *",
        ),
        (
            cron("0 0 13 * FRI"),
            "At 00:00 on the 13th day of month and on Friday",
            "По выражению cron 0 0 13 * FRI",
        ),
    ],
)
def test_an_entry_is_one_sentence(of: Entry, english: str, russian: str) -> None:
    assert in_words(of) == f"{english} (Europe/Moscow)."
    assert in_words(of, "ru") == f"{russian} (Europe/Moscow)."


@given(st.from_regex(r"([0-9*/,#LW-]{1,6} ){4}[0-9*/,#LW-]{1,6}", fullmatch=True))
def test_every_expression_without_mistakes_has_words(expression: str) -> None:
    if not mistakes(Schedule(entries=(cron(expression),)), ""):
        assert in_words(cron(expression)).endswith("(Europe/Moscow).")
        assert in_words(cron(expression), "ru").endswith("(Europe/Moscow).")
