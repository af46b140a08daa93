"""What the scheduler's metrics show of firing: how late it is, and what it misses."""

from datetime import timedelta

import pytest

from services.scheduler import handlers
from shared.database import transaction
from shared.telemetry.metrics import Recorded
from tests.recorded import shown
from tests.scheduler.world import HOUR, Mailing, Scheduler

pytestmark = pytest.mark.postgres

LATENESS = "scheduler_firing_lateness_seconds_sum"


async def test_an_occurrence_is_as_late_as_it_is_fired_after_its_time(
    scheduler: Scheduler, due: Mailing, recorded: Recorded
) -> None:
    await scheduler.hear(due.created())
    late_s = (await scheduler.now() - due.starts_at).total_seconds()

    await scheduler.fire()

    assert late_s <= shown(recorded)[LATENESS,] < late_s + 60


async def test_what_became_known_after_its_time_is_not_late(
    scheduler: Scheduler, due: Mailing, recorded: Recorded
) -> None:
    nothing_due_at = await scheduler.now() - timedelta(milliseconds=1)
    await scheduler.hear(due.created(starts_at=nothing_due_at - HOUR))

    await handlers.fire_due(scheduler.store, nothing_due_at)

    assert 0 <= shown(recorded)[LATENESS,] < 60


async def test_what_is_due_and_not_fired_is_overdue(
    scheduler: Scheduler, due: Mailing, recorded: Recorded
) -> None:
    async def overdue() -> float:
        async with transaction(scheduler.pool) as db:
            await handlers.sample_overdue(db)
        return shown(recorded)["scheduler_overdue_age_seconds",]

    before = await overdue()
    await scheduler.hear(due.created(starts_at=await scheduler.now() - HOUR / 2))
    meanwhile = await overdue()
    await scheduler.fire()

    assert before == 0
    assert 1_800 <= meanwhile < 1_860
    assert await overdue() == 0


async def test_a_run_whose_window_is_over_is_counted_as_missed(
    scheduler: Scheduler, due: Mailing, recorded: Recorded
) -> None:
    handlers.begin_counting()
    missed = "scheduler_runs_missed_total", "window_over"
    before = shown(recorded)[missed]
    now = await scheduler.now()
    await scheduler.hear(due.created(starts_at=now - HOUR, ends_at=now - HOUR / 2))

    await scheduler.fire()

    assert (before, shown(recorded)[missed]) == (0, 1)
