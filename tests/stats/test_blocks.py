"""A block counts, is shown and is read again as the events that it stands for."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from sqlalchemy import text

from services.stats.queries import figures, messages, proof
from services.stats.queries.messages import START, MessageView, Wanted
from services.stats.subscriptions import CONSUMER, subscriptions
from shared import ids
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    MESSAGES,
    AttemptKind,
    MessageAttempted,
    MessageDelivered,
    MessagesDelivered,
    State,
)
from shared.database import Pool, transaction
from shared.event import Event
from shared.kafka.applying import Applier
from shared.kafka.positions import PartitionProgress, hold_positions
from shared.kafka.records import FromKafka, kinds_by_name, read, unpack
from tests.stats.log import record
from tests.stats.story import Run, apply, client

run = Run()
BLOCK = run.block(0, (1, 2, 4))
BLOCK_TICK = timedelta(microseconds=1)
LATER = run.attempted(2, State.DELIVERED, attempt=2, version=DELIVERED_VERSION + 2, chunk=0)


def singles(block: MessagesDelivered) -> list[Event]:
    return [event for _, _, event in block.unpack()]


async def shown(pool: Pool) -> list[MessageView]:
    async with transaction(pool) as db:
        page = await messages.page(db, Wanted(run_id=run.id), START, 100)
    return sorted(page.items, key=lambda each: each.client_id)


async def counted(pool: Pool) -> dict[str, Any]:
    async with transaction(pool) as db:
        view = await figures.run(db, run.id)
        assert (await proof.reconcile(db, run_id=run.id, mailing_id=None)).reconciles
    return view.model_dump(exclude={"as_of", "lag_s"})


@pytest.fixture
async def as_singles(stats_pool: Pool) -> tuple[list[MessageView], dict[str, Any]]:
    """What is shown if each message had its own events; then everything is as it was."""
    await apply(stats_pool, [run.planned(0, range(6)), *singles(BLOCK)])
    found = await shown(stats_pool), await counted(stats_pool)
    async with transaction(stats_pool) as db:
        await db.execute(text("TRUNCATE runs, chunks, blocks, messages"))
    return found


async def test_a_block_is_counted_and_shown_as_its_events_are(
    stats_pool: Pool, as_singles: tuple[list[MessageView], dict[str, Any]]
) -> None:
    await apply(stats_pool, [run.planned(0, range(6)), BLOCK])

    assert (await shown(stats_pool), await counted(stats_pool)) == as_singles


async def test_a_block_that_comes_again_counts_nothing(stats_pool: Pool) -> None:
    await apply(stats_pool, [run.planned(0, range(6)), BLOCK])
    once = await shown(stats_pool), await counted(stats_pool)

    await apply(stats_pool, [BLOCK, BLOCK])
    await apply(stats_pool, singles(BLOCK))

    assert (await shown(stats_pool), await counted(stats_pool)) == once


@pytest.mark.parametrize("by", [1, 100])
async def test_what_happens_to_a_message_later_moves_it_once(stats_pool: Pool, by: int) -> None:
    for _ in range(2):
        await apply(stats_pool, [run.planned(0, range(6)), BLOCK, LATER], by=by)

        view = await counted(stats_pool)
        assert (view["by_status"]["delivered"], view["attempts"]) == (3, 4)
        found = {each.client_id: each for each in await shown(stats_pool)}
        assert len(found) == 6
        assert (found[client(2)].attempts, found[client(2)].changed_at) == (2, LATER.at)
        assert found[client(4)].attempts == 1


def test_the_events_of_a_block_are_those_that_single_records_would_be() -> None:
    headers = [("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]
    packed = record(BLOCK, headers)
    wanted = (MessageAttempted, MessageDelivered)
    received = read(packed, kinds_by_name(wanted))
    assert received is not None

    found = unpack(received, wanted)

    sent = [
        record(event, headers, key=key, event_id=f"{key}.{version}.{type(event).__name__}")
        for key, version, event in BLOCK.unpack()
    ]
    assert found == [read(each, kinds_by_name(wanted)) for each in sent]
    assert [type(each.event) for each in found] == [MessageAttempted, MessageDelivered] * 3
    assert found[2].key == ids.message_id(run.id, client(2))
    assert found[2].event == MessageAttempted(
        run_id=run.id,
        client_id=client(2),
        state=State.DELIVERED,
        attempts=1,
        version=DELIVERED_VERSION + 1,
        at=BLOCK.started_at + (BLOCK_TICK * (1 + 1_001)),
        chunk=0,
        attempt=1,
        kind=AttemptKind.ANSWER,
        outcome="accepted",
        reason="accepted",
        status_code=200,
        gateway_message_id="gw-1",
        started_at=BLOCK.started_at + BLOCK_TICK,
    )


def test_who_wants_one_kind_of_event_gets_that_of_a_block() -> None:
    received = read(record(BLOCK), kinds_by_name([MessageDelivered]))
    assert received is not None

    assert [type(each.event) for each in unpack(received, [MessageDelivered])] == (
        [MessageDelivered] * 3
    )


async def test_a_block_and_a_later_event_in_two_replicas_at_once_count_once(
    stats_pool: Pool,
) -> None:
    """After a rebalance both may hold the same records: the position's row lets one go first."""
    await apply(stats_pool, [run.planned(0, range(6))])
    partition = TopicPartition(MESSAGES.name, 0)
    async with transaction(stats_pool) as db:
        await hold_positions(db, CONSUMER, [partition])
    records: list[FromKafka] = [record(BLOCK, offset=0), record(LATER, offset=1)]

    async def replica() -> None:
        applier = Applier(stats_pool, CONSUMER, subscriptions())
        progress = PartitionProgress(partition, 0, len(records), None)
        await applier.apply({partition: records}, [progress])

    await asyncio.gather(replica(), replica())

    view = await counted(stats_pool)
    assert (view["by_status"]["delivered"], view["attempts"]) == (3, 4)


@pytest.mark.parametrize(
    "broken",
    [
        {"starts": [0, 0]},
        {"durations": [1]},
        {"gateway_message_ids": ["a"]},
        {"client_ids": [], "starts": [], "durations": [], "gateway_message_ids": None},
        {"starts": [0, 0, 2**31]},
        {"durations": [0, 0, -1]},
        {"started_at": "9999-12-31T23:59:59Z"},
    ],
)
def test_a_block_whose_columns_do_not_fit_is_none(broken: dict[str, Any]) -> None:
    data = msgspec.json.decode(BLOCK.json()) | broken

    with pytest.raises(msgspec.ValidationError):
        MessagesDelivered.read(msgspec.json.encode(data))


def test_all_of_a_chunk_has_one_partition() -> None:
    assert BLOCK.key == f"{run.id}.0"
