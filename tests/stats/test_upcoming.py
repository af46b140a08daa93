"""When a recurring mailing runs next."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.stats.domain.upcoming import Upcoming, upcoming
from shared.contracts.catalog import MailingCreated
from shared.contracts.schedule import Daily, Schedule
from shared.event import Instant
from tests.contracts.extremes import events, is_event

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Schedule(entries=(Daily(at="12:00", zone="UTC"),), count=3)


def written(schedule: Schedule) -> str:
    return msgspec.json.encode(schedule).decode()


def known(schedule: Schedule, starts_at: Instant, ends_at: Instant) -> Upcoming:
    found = upcoming(written(schedule), starts_at, ends_at)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - DAY, START),  # at the very start
        (START, START + DAY),
        (START + HOUR, START + DAY),
        (START + DAY, START + 2 * DAY),
        (START + 2 * DAY, None),  # three are all
    ],
)
def test_the_next_occurrence_is_later_than_now_and_none_is_beyond_the_count(
    now: datetime, expected: datetime | None
) -> None:
    assert known(DAILY, START, START + 9 * DAY).after(now) == expected


def test_it_follows_the_clock_whichever_way_that_goes() -> None:
    own = known(DAILY, START, START + 8 * DAY)
    moments = (START, START + DAY, START - DAY, START + 5 * DAY)
    assert [own.after(now) for now in moments] == [START + DAY, START + 2 * DAY, START, None]


def test_none_is_at_the_end_of_its_window_or_later() -> None:
    own = known(DAILY, START, START + DAY)
    assert own.after(START) is None


@pytest.mark.parametrize(
    "schedule",
    [
        written(Schedule(entries=(Daily(at="12:00", zone="Mars/Olympus"),))),
        written(Schedule(entries=(Daily(at="25:00", zone="UTC"),))),
        '{"entries": [{"kind": "yearly"}]}',  # of a newer release
    ],
)
def test_of_a_schedule_that_cannot_be_computed_nothing_is_known(schedule: str) -> None:
    assert upcoming(schedule, START, START + DAY) is None


def test_whatever_schedule_an_event_has_it_keeps_no_mailing_from_being_shown() -> None:
    read = [
        MailingCreated.read(json.dumps(values).encode())
        for kind, values in events([MailingCreated])
        if is_event(kind, values)
    ]
    recurring = [each for each in read if each.schedule is not None]
    for each in recurring:
        assert each.schedule
        found = upcoming(written(each.schedule), each.starts_at, each.ends_at)
        if found is not None:
            found.after(START)
    assert len(recurring) > 100
