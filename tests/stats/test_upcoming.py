"""When a recurring mailing runs next."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.stats.domain.upcoming import upcoming
from shared.contracts.schedule import Daily, Schedule

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Schedule(entries=(Daily(at="12:00", zone="UTC"),), count=3)


def written(schedule: Schedule) -> str:
    return msgspec.json.encode(schedule).decode()


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
    assert upcoming(written(DAILY), START, START + 9 * DAY).after(now) == expected


def test_it_follows_the_clock_whichever_way_that_goes() -> None:
    own = upcoming(written(DAILY), START, START + 8 * DAY)
    moments = (START, START + DAY, START - DAY, START + 5 * DAY)
    assert [own.after(now) for now in moments] == [START + DAY, START + 2 * DAY, START, None]


def test_none_is_at_the_end_of_its_window_or_later() -> None:
    own = upcoming(written(DAILY), START, START + DAY)
    assert own.after(START) is None
