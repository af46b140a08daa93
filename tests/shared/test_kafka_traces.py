"""What spans show of a batch from Kafka: the traces in it, and the events that were handled."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from sqlalchemy import text

from shared import telemetry
from shared.cloudevents import Header
from shared.contracts.catalog import MAILINGS, MailingPaused, MailingResumed
from shared.database import Connection, Pool, transaction
from shared.event import Event, Received
from shared.kafka.applying import Applier
from shared.kafka.positions import PartitionProgress
from shared.kafka.records import FromKafka
from shared.testing import received
from tests.otlp import links_of, parent_of, recorded_spans, traceparent

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACE = TopicPartition(MAILINGS.name, 0)


def paused(number: int) -> Event:
    return MailingPaused(mailing_id=UUID(int=number), paused_at=NOW)


def resumed(number: int) -> Event:
    return MailingResumed(mailing_id=UUID(int=number), resumed_at=NOW)


def record(offset: int, event: Event, *more: Header) -> FromKafka:
    key = str(UUID(int=offset))
    headers = (*received(event, key).headers.items(), *more)
    data = event.json()
    return ConsumerRecord(
        MAILINGS.name, 0, offset, 0, 0, key.encode(), data, None, 0, len(data), headers
    )


def trace(number: int) -> Header:
    return ("traceparent", traceparent(number).encode())


@pytest.fixture
async def applier(catalog_pool: Pool) -> Applier:
    async with transaction(catalog_pool) as db:
        await db.execute(
            text(
                "INSERT INTO offsets (consumer, topic, partition, position) VALUES (:c, :t, 0, 0)"
            ),
            {"c": "test", "t": MAILINGS.name},
        )

    async def handle(_: Connection, __: Sequence[Received[Any]]) -> None:
        pass

    async def handle_others(_: Connection, __: Sequence[Received[Any]]) -> None:
        pass

    return Applier(catalog_pool, "test", {MailingPaused: handle, MailingResumed: handle_others})


async def apply(applier: Applier, records: Sequence[FromKafka]) -> None:
    end = records[-1].offset + 1
    await applier.apply({PLACE: records}, [PartitionProgress(PLACE, 0, end, None)])


async def test_a_batch_links_to_the_traces_of_its_records(applier: Applier) -> None:
    records = [
        record(0, paused(0), trace(1)),
        record(1, paused(1), trace(1)),
        record(2, paused(2)),
        record(3, paused(3), trace(2)),
        record(4, paused(4), ("traceparent", b"none")),
    ]

    with recorded_spans() as spans:
        await apply(applier, records)

    batch = spans.one("consume test")
    assert links_of(batch) == [f"{1:032x}", f"{2:032x}"]
    assert batch.kind is telemetry.SpanKind.CONSUMER
    assert (batch.attributes or {})[telemetry.BATCH_SIZE] == 5


async def test_a_batch_of_many_traces_links_to_32(applier: Applier) -> None:
    with recorded_spans() as spans:
        await apply(applier, [record(each, paused(each), trace(each + 1)) for each in range(900)])

    assert len(spans.one("consume test").links) == 32


async def test_events_that_are_handled_together_are_a_span_of_their_name(
    applier: Applier,
) -> None:
    events = [paused(0), paused(1), resumed(2), paused(3)]

    with recorded_spans() as spans:
        await apply(applier, [record(each, event) for each, event in enumerate(events)])

    batch = spans.one("consume test")
    handled = [each for each in spans.all if each.name.startswith("Mailing")]
    assert [each.name for each in handled] == ["MailingPaused", "MailingResumed", "MailingPaused"]
    assert batch.context is not None
    assert {parent_of(each) for each in handled} == {f"{batch.context.span_id:016x}"}


async def test_of_a_batch_no_more_than_32_groups_are_shown(applier: Applier) -> None:
    events = [paused(each) if each % 2 else resumed(each) for each in range(100)]

    with recorded_spans() as spans:
        await apply(applier, [record(each, event) for each, event in enumerate(events)])

    assert len([each for each in spans.all if each.name.startswith("Mailing")]) == 32


async def test_what_was_applied_before_makes_no_span(applier: Applier) -> None:
    await apply(applier, [record(0, paused(0))])

    with recorded_spans() as spans:
        await apply(applier, [record(0, paused(0))])

    assert "consume test" not in spans.names
