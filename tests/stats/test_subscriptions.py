"""What is done about events when one run is read again."""

from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import text

from services.stats.subscriptions import CONSUMER, subscriptions_of
from shared.contracts.dispatcher import MESSAGES, MessagesPlanned
from shared.database import Pool, autocommit, transaction
from shared.kafka.positions import hold_positions
from shared.testing import received
from tests.stats.story import Run, key

run, other = Run(), Run(UUID(int=0xB << 124))
READ_AGAIN = subscriptions_of(run.id)[MessagesPlanned]


async def test_when_a_run_is_read_again_no_other_is_counted(stats_pool: Pool) -> None:
    events = [each.planned(0, range(3)) for each in (run, other)]

    async with transaction(stats_pool) as db:
        await READ_AGAIN(db, [received(each, key(each)) for each in events])

    async with autocommit(stats_pool) as db:
        for table in ("chunks", "runs"):
            counted = await db.scalars(text(f"SELECT run_id FROM {table}"))
            assert counted.all() == [run.id]


async def test_while_a_run_is_read_again_the_live_consumer_waits(stats_pool: Pool) -> None:
    async with transaction(stats_pool) as db:
        await hold_positions(db, CONSUMER, [TopicPartition(MESSAGES.name, 0)])
    positions = text("SELECT position FROM offsets FOR UPDATE SKIP LOCKED")
    event = run.planned(0, range(3))

    async with transaction(stats_pool) as db:
        await READ_AGAIN(db, [received(event, key(event))])
        async with autocommit(stats_pool) as live:
            free_meanwhile = (await live.scalars(positions)).all()
    async with autocommit(stats_pool) as live:
        free_afterwards = (await live.scalars(positions)).all()

    assert (free_meanwhile, free_afterwards) == ([], [0])
