"""A dispatcher's world in a few words: clients, runs, time that passes, senders at work."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.dispatcher import projections
from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.domain.switch import Move
from services.dispatcher.domain.turns import ORDER, Room
from services.dispatcher.domain.window import LAST_START_S
from services.dispatcher.gateways import Done, Gateway
from services.dispatcher.handlers import ending, planning
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.handlers.switching import switch_run
from services.dispatcher.queue import claiming
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue.claiming import ClaimedChunk
from services.dispatcher.subscriptions import READERS
from shared import database, ids
from shared.contracts.catalog import (
    ClientRegistered,
    ClientRemoved,
    Filter,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    RunBegun,
)
from shared.contracts.schedule import Schedule
from shared.contracts.scheduler import ONCE, MailingScheduled
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.event import Event, Instant, Received

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

ACCEPTED = Verdict(Outcome.ACCEPTED, "accepted", 200, "gw-1", "{}")
REFUSED = Verdict(Outcome.REFUSED, "status_400", 400)
NOT_PROCESSED = Verdict(Outcome.NOT_PROCESSED, "status_500", 500)
UNKNOWN = Verdict(Outcome.UNKNOWN, "timeout")

LIMITS = Limits(timeout_s=2, lease_s=60, backoff_base_s=20, backoff_cap_s=50, controls_ttl_s=60)
HOUR = timedelta(hours=1)

CHANNELS = {"http": Channel(contact="phone"), "log": Channel(contact=None)}


def client(number: int) -> UUID:
    """Return the identifier of a client; they sort by number."""
    return UUID(int=(0xC << 124) | number)


def received(event: Event, key: object, version: int = 1, trace: str | None = None) -> Any:
    headers = {"ce_sequence": str(version).encode()}
    if trace is not None:
        headers["traceparent"] = trace.encode()
    return Received(event, str(key), headers)


def registered(number: int, **fields: Any) -> ClientRegistered:
    values: dict[str, Any] = {
        "client_id": client(number),
        "phone": f"7916{number:07}",
        "operator_code": "916",
        "tags": (),
        "time_zone": "Europe/Moscow",
        "email": None,
        "full_name": f"Client {number}",
        "comment": None,
        "registered_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ClientRegistered(**values | fields)


@dataclass(slots=True)
class World:
    """The dispatcher's database, and what happens around it."""

    pool: Pool
    last_mailing: int = 0
    versions: dict[UUID, int] = field(default_factory=dict)

    async def now(self) -> Instant:
        async with transaction(self.pool) as db:
            return await database.now(db)

    async def pass_time(self, by: timedelta) -> None:
        async with transaction(self.pool) as db:
            await db.execute(text("UPDATE clock SET shift = shift + :by"), {"by": by})

    async def rows(self, query: str, **values: object) -> list[Any]:
        async with transaction(self.pool) as db:
            return list(await db.execute(text(query), values))

    async def value(self, query: str, **values: object) -> Any:
        (row,) = await self.rows(query, **values)
        return row[0]

    async def know(self, *events: Any, version: int = 1) -> None:
        """Hear of clients."""
        batch = [received(each, each.client_id, version) for each in events]
        async with transaction(self.pool) as db:
            await projections.clients(db, batch)

    async def know_clients(self, numbers: Iterable[int], **fields: Any) -> None:
        await self.know(*(registered(number, **fields) for number in numbers))

    async def forget_client(self, number: int) -> None:
        await self.know(ClientRemoved(client_id=client(number)), version=1_000)

    async def _run(self, **fields: Any) -> dict[str, Any]:
        self.last_mailing += 1
        mailing_id = UUID(int=(0xA << 124) | self.last_mailing)
        now = await self.now()
        values: dict[str, Any] = {
            "run_id": ids.run_id(mailing_id, ONCE),
            "mailing_id": mailing_id,
            "nominal": ONCE,
            "revision": 1,
            "is_last": True,
            "body": "Hello {{ full_name }}",
            "subject": None,
            "filter": Filter(),
            "starts_at": now,
            "ends_at": now + HOUR,
            "gateway": "http",
        }
        return values | fields

    async def schedule(self, **fields: Any) -> "Run":
        """Hear of a new run of an older release, which waits."""
        values = {"scheduled_at": await self.now()} | await self._run(**fields)
        event = MailingScheduled(**values)
        async with transaction(self.pool) as db:
            batch = [received(event, event.mailing_id, trace=TRACE)]
            await projections.mailing_scheduled(db, batch)
        return Run(self, event.run_id, event.mailing_id)

    async def begin_run(self, **fields: Any) -> "Run":
        """Hear that a run begins; it waits."""
        values = await self._run(**fields)
        now = await self.now()
        event = RunBegun(**{"proposed_at": now, "begun_at": now} | values)
        async with transaction(self.pool) as db:
            await projections.run_begun(db, [received(event, event.mailing_id, trace=TRACE)])
        return Run(self, event.run_id, event.mailing_id)

    async def plan(self, clients: int = 0, **fields: Any) -> "Run":
        """Let there be so many clients, and a run for all there are, expanded."""
        await self.know_clients(range(1, clients + 1))
        run = await self.schedule(**fields)
        await run.begin()
        while await planning.expand(self.pool, CHANNELS):
            pass
        return run

    async def end(self) -> None:
        """Let end and finish what can."""
        while await ending.end(self.pool):
            pass
        await ending.finish(self.pool)


@dataclass(frozen=True, slots=True)
class Run:
    """A run, and what people do to its mailing."""

    world: World
    run_id: UUID
    mailing_id: UUID

    async def begin(self) -> None:
        async with transaction(self.world.pool) as db:
            await planning_queue.await_offsets(db, [self.run_id], {key: {} for key in READERS})
            await planning_queue.begin_those_ready(db, READERS)

    async def pause(self) -> None:
        await self._tell(
            MailingPaused(mailing_id=self.mailing_id, paused_at=await self.world.now())
        )

    async def resume(self) -> None:
        await self._tell(
            MailingResumed(mailing_id=self.mailing_id, resumed_at=await self.world.now())
        )

    async def stop(self) -> None:
        await self._tell(
            MailingStopped(mailing_id=self.mailing_id, stopped_at=await self.world.now())
        )

    async def delete(self) -> None:
        await self._tell(
            MailingDeleted(mailing_id=self.mailing_id, deleted_at=await self.world.now())
        )

    async def switch(self, move: Move, by: str | None = None) -> None:
        """Move the run's own switch, which none of its mailing's does."""
        await switch_run(self.world.pool, self.run_id, move, by)

    async def change_end(self, ends_at: Instant, schedule: Schedule | None = None) -> None:
        now = await self.world.now()
        plan = mailing(self.mailing_id, now, ends_at)
        await self._tell(MailingChanged(**plan, schedule=schedule, changed_at=now))

    async def _tell(self, event: Any) -> None:
        version = self.world.versions.get(self.mailing_id, 1) + 1
        self.world.versions[self.mailing_id] = version
        await control(self.world.pool, event, version=version)

    async def status(self) -> str:
        found: str = await self.world.value(
            "SELECT state FROM runs WHERE run_id = :run_id", run_id=self.run_id
        )
        return found


async def control(pool: Pool, *events: Any, version: int) -> None:
    batch = [received(each, each.mailing_id, version + n) for n, each in enumerate(events)]
    async with transaction(pool) as db:
        await projections.controls(db, batch)


def mailing(mailing_id: UUID, starts_at: Instant, ends_at: Instant) -> dict[str, Any]:
    return {
        "mailing_id": mailing_id,
        "name": "spring",
        "body": "Hello",
        "subject": None,
        "filter": Filter(),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "gateway": "http",
    }


def created(mailing_id: UUID, starts_at: Instant, ends_at: Instant) -> MailingCreated:
    return MailingCreated(**mailing(mailing_id, starts_at, ends_at), created_at=starts_at)


@dataclass(slots=True)
class Sent:
    """A request under way."""

    message: OutgoingMessage
    deadline: float
    done: Done


class FakeGateway:
    """A gateway in this process. It answers as `script` says, by client; else it accepts.

    None in a script is a request that hangs until it is answered by hand, or cut off.
    """

    name = "http"
    channel = CHANNELS["http"]
    looks_up = looks_up_by_own_id = False

    def __init__(
        self,
        script: Mapping[int, list[Verdict | None]] | None = None,
        *,
        is_idempotent: bool = True,
        resends_unknown: bool = True,
        connections: int = 1_000,
    ) -> None:
        self.is_idempotent = is_idempotent
        self.resends_unknown = resends_unknown
        self.messages: list[OutgoingMessage] = []
        self.deadlines: list[float] = []
        self.under_way: dict[bytes, Sent] = {}
        self.is_hanging = False
        self.is_closed = False
        self._script = {
            client(number): list(verdicts) for number, verdicts in (script or {}).items()
        }
        self.connections = connections
        self._loop = asyncio.get_running_loop()

    @property
    def free(self) -> int:
        return 0 if self.is_closed else self.connections - len(self.under_way)

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        assert self.free > 0
        assert message.message_id not in self.under_way, "one message twice at the same time"
        self.messages.append(message)
        self.deadlines.append(deadline)
        self.under_way[message.message_id] = Sent(message, deadline, done)
        verdict = self.verdict(message)
        if verdict is not None:
            self._loop.call_soon(self._answer, message.message_id, verdict)

    def verdict(self, message: OutgoingMessage) -> Verdict | None:
        verdicts = self._script.get(client_of(message))
        if verdicts:
            return verdicts.pop(0)
        return None if self.is_hanging else ACCEPTED

    def answer(self, number: int, verdict: Verdict) -> None:
        """Answer the request of one client."""
        (key,) = (
            key
            for key, sent in self.under_way.items()
            if client_of(sent.message) == client(number)
        )
        self._answer(key, verdict)

    def answer_all(self, verdict: Verdict) -> None:
        for key in list(self.under_way):
            self._answer(key, verdict)

    def _answer(self, key: bytes, verdict: Verdict) -> None:
        sent = self.under_way.pop(key, None)
        if sent is not None:
            sent.done(verdict)

    async def close(self) -> None:
        self.answer_all(replaced(UNKNOWN, reason="cut_off"))


def replaced(verdict: Verdict, **fields: Any) -> Verdict:
    return replace(verdict, **fields)


def client_of(message: OutgoingMessage) -> UUID:
    both = ids.run_and_client(message.message_id.decode())
    assert both is not None
    return both[1]


def numbers(gateway: FakeGateway) -> list[int]:
    """Return the numbers of the clients to whom messages were sent, in order."""
    return [client_of(each).int & 0xFFFF for each in gateway.messages]


def leave_unheard(patched: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let a statement be committed, and its connection break before anybody hears of that."""
    execute = getattr(module, name)

    async def unheard(*args: Any) -> None:
        await execute(*args)
        raise Unavailable

    patched.setattr(module, name, unheard)


async def claim_one(
    db: Connection, sender_id: UUID, gateway: str, *, last: UUID, **at: Any
) -> ClaimedChunk | None:
    """Lease the next chunk that is due."""
    claimant = claiming.Claimant(sender_id, gateway)
    lasts: dict[str, UUID] = dict.fromkeys(ORDER, last)
    chunks = await claiming.claim_chunks(db, claimant, Room(1), lasts, **at)
    return chunks[0] if chunks else None


async def alive(
    world: World, gateway: Gateway, limits: Limits = LIMITS, *, packs: bool = True
) -> Sender:
    """Return a sender that has shown itself."""
    sender = Sender(world.pool, gateway, limits, packs=packs)
    await sender.renew()
    return sender


async def work(sender: Sender) -> None:
    """Let a sender claim, start and record until there is nothing more to do right now."""
    while True:
        found = await sender.claim()
        started = not sender.gateway.is_idempotent and await sender.mark_and_start()
        await asyncio.sleep(0)  # answers come in
        recorded = bool(len(sender.results))
        while await sender.record():
            pass
        shared = sender.flow.has_news.is_set()
        if shared:
            await sender.flow.share()
            await asyncio.sleep(0)
        if not (found or started or recorded or shared):
            return


async def fetch(sender: Sender) -> None:
    """Let a sender claim and start what it can, and record nothing."""
    while await sender.claim():
        pass
    if not sender.gateway.is_idempotent:
        while await sender.mark_and_start():
            pass


async def record_all(sender: Sender) -> None:
    """Let a sender record what it knows by now."""
    while len(sender.results):
        await sender.record()


async def give_back(sender: Sender) -> None:
    """Let a sender see what is allowed now, and give back the rest."""
    await sender.renew()


async def reap_all(world: World, **fields: Any) -> None:
    """Let a reaper that has waited long enough find all senders dead."""
    now = [0.0]
    reaper = Reaper(world.pool, lasting(), lambda: now[0], **fields)
    await reaper.check()
    now[0] = 1_000.0
    await reaper.check()


def lasting(limits: Limits = LIMITS, **fields: float) -> Limits:
    return replace(limits, **fields)


LAST_START = timedelta(seconds=LAST_START_S)
