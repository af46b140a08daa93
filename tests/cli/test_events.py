"""`events tail` prints what a topic holds, block or not, one event on a line."""

import json
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from cli import Exit
from cli.events import _print
from shared.contracts.dispatcher import MESSAGES, RUNS, MessagesPlanned, State
from shared.event import Event
from shared.testing import received
from tests.cli.conftest import Mailings
from tests.stats.story import Run, client, key

run = Run(UUID(int=0xE << 124))


def test_a_topic_that_does_not_exist_is_refused_with_those_that_do(
    mailings: Mailings,
) -> None:
    result = mailings("events", "tail", "dispatcher.message")

    assert result.code == Exit.USAGE
    assert "dispatcher.messages" in result.err


def test_without_kafka_it_is_said_where_it_was_looked_for(
    mailings: Mailings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_SERVERS", "127.0.0.1:1")

    result = mailings("events", "tail", "dispatcher.messages")

    assert result.code == Exit.UNAVAILABLE
    assert "127.0.0.1:1" in result.err


async def send(kafka: str, *events: Event | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for each in (run.planned(0, (1, 2, 3)), *events):
            headers, value, of = [("ce_type", b"Unheard.v1")], b"{}", "x"
            if each is not None:
                value, of = each.json(), key(each)
                headers = list(received(each, of).headers.items())
            topic = RUNS if isinstance(each, MessagesPlanned) else MESSAGES
            await producer.send_and_wait(
                topic.name, value, key=of.encode(), partition=0, headers=headers
            )
    finally:
        await producer.stop()


async def test_events_of_blocks_are_printed_one_by_one_beside_the_others(
    kafka: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    await send(kafka, run.block(0, (1, 2)), run.attempted(3, State.RETRY), None)

    await _print(kafka, MESSAGES.name, 3, is_endless=False)

    lines = [json.loads(each) for each in capfdbinary.readouterr().out.splitlines()][-6:]
    assert [each.get("type") for each in lines] == [
        "MessageAttempted.v1",
        "MessageDelivered.v1",
        "MessageAttempted.v1",
        "MessageDelivered.v1",
        "MessageAttempted.v1",
        None,
    ]
    assert [each["event"]["client_id"] for each in lines[::2][:2]] == [
        str(client(1)),
        str(client(2)),
    ]
    assert lines[-1] == {"unreadable": "no type that is known"}
