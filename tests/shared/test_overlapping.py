"""Whether occurrences may be declined for the run before them is seen before anything runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.contracts.schedule import Schedule
from shared.contracts.timing import TimePolicy
from shared.overlapping import Recurring, overlaps

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = 3_600, 86_400
MOSCOW = {"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}
BERLIN = {"kind": "daily", "at": "09:00", "zone": "Europe/Berlin"}
FIRST = {"kind": "daily", "at": "00:00", "zone": "Pacific/Kiritimati"}
LOCAL = {"kind": "recipient_local"}
AT_TEN = {"kind": "recipient_local", "zone": "Europe/Moscow", "at": "10:00"}
PREFERRED = {"kind": "preferred_times"}
HOURLY = {"kind": "cron", "expression": "0 * * * *", "zone": "UTC"}
NEXT_DAY = LOCAL | {"already_passed": "next_day_if_inside_window"}


def recurring(
    entries: list[dict[str, Any]], policy: dict[str, Any] | None = None, **more: Any
) -> Recurring:
    days = more.pop("days", 365)
    return Recurring(
        schedule=msgspec.convert({"entries": entries} | more, Schedule),
        starts_at=NOW,
        ends_at=NOW + timedelta(days=days),
        time_policy=msgspec.convert(policy, TimePolicy) if policy else None,
    )


@pytest.mark.parametrize(
    ("mailing", "expected"),
    [
        (recurring([MOSCOW]), False),
        (recurring([MOSCOW], window_s=DAY + 1), True),
        (recurring([MOSCOW], window_s=DAY + 1, overlap="queue"), False),
        (recurring([MOSCOW], window_s=DAY + 1, overlap="allow"), False),
        (recurring([MOSCOW], window_s=DAY + 1, days=1), False),  # there is no next one
        (recurring([MOSCOW], window_s=DAY + 1, count=1), False),
        (recurring([BERLIN]), False),  # also on the day that has 23 hours
        (recurring([BERLIN], window_s=DAY + 1), True),
        (recurring([HOURLY]), True),
        (recurring([HOURLY], window_s=HOUR), False),
        (recurring([MOSCOW, BERLIN], window_s=2 * HOUR), False),
        (recurring([MOSCOW, BERLIN], window_s=2 * HOUR + 1), True),
        (recurring([MOSCOW], LOCAL), False),  # the last clock is fifteen hours later
        (recurring([MOSCOW], LOCAL, window_s=2 * DAY), False),
        (recurring([MOSCOW], NEXT_DAY, window_s=2 * DAY), True),
        (recurring([FIRST], AT_TEN, window_s=38 * HOUR), True),
        (recurring([FIRST], AT_TEN, window_s=38 * HOUR, overlap="allow"), False),
        (recurring([FIRST], AT_TEN), True),  # going on to the end of its window, a day
        (recurring([FIRST], AT_TEN, window_s=20 * HOUR), False),
        (recurring([MOSCOW], PREFERRED), True),
        (recurring([MOSCOW], PREFERRED, window_s=12 * HOUR), False),
    ],
)
def test_it_is_seen_whether_a_run_may_go_on_beyond_the_next_occurrence(
    mailing: Recurring, *, expected: bool
) -> None:
    assert overlaps(mailing, NOW) is expected
