"""The log of statistics as tests write it, and the service's listener that reads it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from services.stats.subscriptions import CONSUMER, subscriptions
from shared import ids, kafka
from shared.cloudevents import Header
from shared.contracts.dispatcher import State
from shared.database import Pool
from shared.event import Event
from shared.kafka.records import FromKafka
from shared.testing import received
from tests.stats.story import Run
from tests.stats.story import key as key_of

MANY = 400


def record(
    event: Event,
    headers: Sequence[Header] = (),
    *,
    offset: int = 0,
    key: str | None = None,
    event_id: str = "0",
) -> FromKafka:
    """Return an event of a message as it comes from Kafka."""
    of = key or key_of(event)
    both = (("ce_id", event_id.encode()), ("ce_type", event.type_name().encode()), *headers)
    topic = event.topic.name if event.topic else ""
    data = event.json()
    return ConsumerRecord(topic, 0, offset, 0, 0, of.encode(), data, None, 0, len(data), both)


@dataclass
class Log:
    """The log, and a run in it that nobody else has."""

    producer: AIOKafkaProducer
    run: Run

    async def tell(self, events: Sequence[Event]) -> None:
        sent = []
        for each in events:
            of = key_of(each)
            assert each.topic is not None
            headers = list(received(each, of).headers.items())
            record = {"key": of.encode(), "value": each.json(), "headers": headers}
            sent.append(await self.producer.send(each.topic.name, **record))
        await asyncio.gather(*sent)

    async def tell_all(self) -> None:
        """Tell of a run with MANY messages, of which a tenth fails and a tenth is open."""
        run = self.run
        await self.tell([run.scheduled(), run.planned(0, range(MANY)), run.expanded(MANY)])
        fates = {0: State.FAILED, 1: State.RETRY}
        for each in range(MANY):
            state = fates.get(each % 10, State.DELIVERED)
            ended = [] if state is State.RETRY else [run.ended(each, state)]
            await self.tell([run.attempted(each, state), *ended])


@asynccontextmanager
async def log_in(servers: str) -> AsyncIterator[Log]:
    """Give the log of a broker, and a new run in it."""
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    try:
        yield Log(producer, Run(ids.new_id()))
    finally:
        await producer.stop()


class listening:  # noqa: N801 - reads as a block
    def __init__(self, servers: str, pool: Pool) -> None:
        self._loop = kafka.listen(pool, servers, CONSUMER, subscriptions())

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._loop)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
