"""Catalog, scheduler and dispatcher in one process, each on its own database; every step is ours.

Kafka is a list for each topic, so a test decides how far each reader is, and what comes twice.
"""

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import text

from services.catalog import projections as catalog_projections
from services.catalog import routes as catalog_routes
from services.catalog.subscriptions import subscriptions as catalog_subscriptions
from services.dispatcher.handlers import ending, planning
from services.dispatcher.subscriptions import CONSUMER, CONTROLS, READERS, controls
from services.dispatcher.subscriptions import subscriptions as dispatcher_subscriptions
from services.scheduler import handlers as scheduler_handlers
from services.scheduler import projections as scheduler_projections
from services.scheduler.subscriptions import subscriptions as scheduler_subscriptions
from shared import database, http, outbox
from shared.database import Pool, transaction
from shared.event_store.postgres import PostgresEventStore
from shared.kafka import EndOffsets, Handlers
from shared.kafka.handlers import topics_of
from shared.kafka.records import kinds_by_name, read, unpack
from tests.dispatcher.world import CHANNELS, FakeGateway, World, alive, work

Json = dict[str, Any]
SERVICES = ("catalog", "scheduler", "dispatcher")


@dataclass(frozen=True)
class Sent:
    """A message that the gateway took, and when."""

    phone: str | None
    text: str
    at: datetime


class Log(EndOffsets):
    """Topics of one partition each."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Any]] = {}

    def append(self, batches: Sequence[outbox.Batch]) -> None:
        for batch in batches:
            topic = self.topics.setdefault(batch.topic, [])
            topic += [
                SimpleNamespace(
                    key=each.key, value=each.value, headers=[*batch.headers, *each.headers]
                )
                for each in batch.records
            ]

    async def read(self, topics: Iterable[str]) -> dict[str, dict[int, int]]:
        return {topic: {0: len(self.topics.get(topic, ()))} for topic in topics}


@dataclass
class Reader:
    """A consumer of a service, and how far it is."""

    name: str
    pool: Pool
    handlers: Handlers
    positions: dict[str, int] = field(default_factory=dict)


NOTE = text("""
    INSERT INTO offsets (consumer, topic, partition, position) VALUES (:consumer, :topic, 0, :at)
    ON CONFLICT (consumer, topic, partition) DO UPDATE SET position = excluded.position
""")
ROWS = text("SELECT position, batches FROM outbox WHERE position > :after ORDER BY position")


class Platform:
    """The three services and what happens to them."""

    def __init__(self, pools: dict[str, Pool], api: AsyncClient, gateway: FakeGateway) -> None:
        self.pools, self.api, self.gateway = pools, api, gateway
        self.log = Log()
        self.sent: list[Sent] = []
        self.packs = True  # as DISPATCHER_PACKED
        self.world = World(pools["dispatcher"])
        self._published = dict.fromkeys(SERVICES, 0)
        catalog, scheduler = store_of(pools, "catalog"), store_of(pools, "scheduler")
        self.scheduler = scheduler
        clock = database.business_clock(pools["catalog"])
        handlers = {
            "catalog": catalog_subscriptions(catalog, clock),
            "scheduler": scheduler_subscriptions(scheduler),
            CONSUMER: dispatcher_subscriptions(),
            CONTROLS: controls(),
        }
        self.readers = {
            name: Reader(name, pools[name.partition(".")[0]], kinds)
            for name, kinds in handlers.items()
        }

    # What people do

    async def create(self, **fields: Any) -> Json:
        response = await self.api.post("/mailings", json=fields)
        assert response.status_code == 201, response.text
        return cast("Json", response.json())

    async def change(self, mailing: Json, **fields: Any) -> Response:
        return await self.api.patch(f"/mailings/{mailing['mailing_id']}", json=fields)

    async def command(self, mailing: Json, verb: str) -> Response:
        return await self.api.post(f"/mailings/{mailing['mailing_id']}/{verb}")

    async def delete(self, mailing: Json) -> Response:
        return await self.api.delete(f"/mailings/{mailing['mailing_id']}")

    async def page(self, mailing: Json) -> Json:
        return cast("Json", (await self.api.get(f"/mailings/{mailing['mailing_id']}")).json())

    # What time does

    async def now(self) -> datetime:
        return await self.world.now()

    async def pass_time(self, by: timedelta) -> None:
        for pool in self.pools.values():
            async with transaction(pool) as db:
                await db.execute(text("UPDATE clock SET shift = shift + :by"), {"by": by})

    # What the services do, a step at a time; each says whether there was anything to do

    async def publish(self, service: str, *, again: int = 0) -> bool:
        """Publish what is in the outbox; `again` so many rows that were published before."""
        after = self._published[service]
        async with transaction(self.pools[service]) as db:
            rows = (await db.execute(ROWS, {"after": after - again})).all()
        for position, batches in rows:
            self.log.append(outbox.read(batches))
            self._published[service] = position
        return bool(rows)

    async def consume(self, name: str, *, limit: int = 1_000) -> bool:
        """Let a reader read up to `limit` records of each of its topics."""
        reader = self.readers[name]
        kinds = kinds_by_name(reader.handlers)
        found = False
        for topic in topics_of(reader.handlers):
            at = reader.positions.get(topic.name, 0)
            records = self.log.topics.get(topic.name, [])[at : at + limit]
            found_in = [each for record in records if (each := read(record, kinds)) is not None]
            received = [each for packed in found_in for each in unpack(packed, reader.handlers)]
            async with transaction(reader.pool) as db:
                groups = itertools.groupby(
                    received, lambda each: reader.handlers[type(each.event)]
                )
                for handler, neighbors in groups:
                    await handler(db, list(neighbors))
                at += len(records)
                await db.execute(NOTE, {"consumer": name, "topic": topic.name, "at": at})
            reader.positions[topic.name] = at
            found = found or bool(records)
        return found

    async def fire(self) -> bool:
        return await scheduler_handlers.fire_due(self.scheduler)

    async def plan(self) -> bool:
        found = await planning.begin_waiting(self.pools["dispatcher"], self.log, READERS)
        while await planning.expand(self.pools["dispatcher"], CHANNELS):
            found = True
        return found

    async def send(self) -> bool:
        """Let a sender send all that may be sent now."""
        before, now = len(self.gateway.messages), await self.now()
        await work(await alive(self.world, self.gateway, packs=self.packs))
        new = self.gateway.messages[before:]
        self.sent += [Sent(each.phone, each.text, now) for each in new]
        pool = self.pools["dispatcher"]
        ended, finished = await ending.end(pool), await ending.finish(pool)
        return bool(new) or ended or finished

    async def step(self, name: str) -> bool:
        """Take one of `STEPS`."""
        verb, _, what = name.partition(" ")
        match verb:
            case "publish":
                return await self.publish(what)
            case "consume":
                return await self.consume(what)
            case "fire":
                return await self.fire()
            case "plan":
                return await self.plan()
            case _:
                return await self.send()

    async def settle(self, *, without: Iterable[str] = ()) -> None:
        """Let all go on until there is nothing to do, but for steps that stand still."""
        steps = [name for name in STEPS if name not in set(without)]
        for _ in range(50):
            if not any([await self.step(name) for name in steps]):
                return
        raise AssertionError("it never ends")


STEPS = (
    *(f"publish {name}" for name in SERVICES),
    *(f"consume {name}" for name in ("catalog", "scheduler", CONSUMER, CONTROLS)),
    "fire",
    "plan",
    "send",
)


def store_of(pools: dict[str, Pool], service: str) -> PostgresEventStore:
    projections = {"catalog": catalog_projections, "scheduler": scheduler_projections}
    return PostgresEventStore(service, pools[service], projections[service].project)


@asynccontextmanager
async def platform_on(**pools: Pool) -> AsyncIterator[Platform]:
    """Give the platform, with nothing in it."""
    clock = database.business_clock(pools["catalog"])
    store = store_of(pools, "catalog")
    app = http.create_app("catalog", catalog_routes.routers, pools["catalog"], clock, store)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://catalog/v1") as api:
        yield Platform(pools, api, FakeGateway())
