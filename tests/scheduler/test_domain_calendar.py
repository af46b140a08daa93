"""The calendar of a recurring mailing, without a database."""

from datetime import UTC, datetime, timedelta

from services.scheduler.domain.calendar import INSTANT, Calendar
from shared.contracts.schedule import Daily, Schedule

NOON = datetime(2030, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Schedule(entries=(Daily(at="12:00", zone="UTC"),))
CALENDAR = Calendar(schedule=DAILY, starts_at=NOON, ends_at=NOON + 3 * DAY)


def test_an_occurrence_is_due_in_its_very_instant_and_not_before() -> None:
    assert [each.occurrence.at for each in CALENDAR.due(NOON, NOON, limit=9)] == [NOON]
    assert CALENDAR.due(NOON, NOON - INSTANT, limit=9) == []


def test_the_start_is_in_the_window_and_the_end_is_not() -> None:
    found = [each.at for each in CALENDAR.following(NOON - DAY)]

    assert found == [NOON, NOON + DAY, NOON + 2 * DAY]


def test_the_window_of_a_run_ends_with_that_of_the_mailing() -> None:
    calendar = Calendar(schedule=DAILY, starts_at=NOON, ends_at=NOON + DAY / 2)
    [due] = calendar.due(NOON, NOON, limit=9)

    assert calendar.end_of_run(due.occurrence) == NOON + DAY / 2
