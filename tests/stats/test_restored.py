"""Statistics that are restored from a backup read again what came since."""

from collections.abc import Sequence
from typing import Any

from pydantic import PostgresDsn

from services.stats.queries import figures, proof
from services.stats.subscriptions import CONSUMER
from shared.contracts.dispatcher import State
from shared.database import Pool, transaction
from shared.errors import NotFound
from shared.event import Event
from tests.restoring import back_up, eventually_is, restore
from tests.stats.log import Log, listening

HALF, ALL = 50, 100


def delivered(log: Log, clients: Sequence[int]) -> list[Event]:
    return [log.run.attempted(each, State.DELIVERED) for each in clients]


async def test_figures_from_a_backup_become_what_they_were(
    stats_pool: Pool, stats_database: PostgresDsn, kafka: str, from_here: Any, log: Log
) -> None:
    async def shown() -> int:
        async with transaction(stats_pool) as db:
            try:
                return (await figures.run(db, log.run.id)).by_status.delivered
            except NotFound:
                return 0

    await from_here(stats_pool, CONSUMER)
    await log.tell([log.run.scheduled(), log.run.planned(0, range(ALL)), log.run.expanded(ALL)])
    async with listening(kafka, stats_pool):
        await log.tell(delivered(log, range(HALF)))
        await eventually_is(shown, HALF)
    await stats_pool.dispose()
    await back_up(stats_database)

    async with listening(kafka, stats_pool):
        await log.tell(delivered(log, range(HALF, ALL - 1)))
        await eventually_is(shown, ALL - 1)
        await restore(stats_database)
        await log.tell(delivered(log, [ALL - 1]))
        await eventually_is(shown, ALL)

    async with transaction(stats_pool) as db:
        assert (await proof.reconcile(db, run_id=log.run.id, mailing_id=None)).reconciles
