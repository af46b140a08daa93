"""Several senders on one real database, with a gateway that does whatever it likes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from random import Random
from typing import ClassVar

import pytest
from msgspec.structs import replace

from services.dispatcher import workers
from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.breaker import OpenFor
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.handlers import ending, planning, recording
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import planning as planning_queue
from shared.contracts.dispatcher import State
from shared.loop import forever
from shared.testing import eventually
from tests.dispatcher.proof import prove
from tests.dispatcher.world import ACCEPTED, CHANNELS, NOT_PROCESSED, REFUSED, UNKNOWN, Run, World

QUICK = Limits(
    timeout_s=0.3,
    lease_s=1.0,
    backoff_base_s=0.02,
    backoff_cap_s=0.1,
    controls_ttl_s=60,
    open_for=OpenFor(0.02, 0.1),
)
PATIENT = 60.0  # seconds: other processes use the same cores
SOON = timedelta(milliseconds=20)
KINDS = pytest.mark.parametrize("is_idempotent", [True, False])


class WildGateway:
    """Answers after a while, as chance has it; a request that hangs ends with its deadline."""

    name = "http"
    channel = CHANNELS["http"]
    resends_unknown = True
    looks_up = looks_up_by_own_id = False

    def __init__(
        self, chances: dict[Verdict | None, int], seed: int, *, is_idempotent: bool
    ) -> None:
        self.is_idempotent = is_idempotent
        self.is_dead = False
        self.sent: Counter[bytes] = Counter()
        self.accepted: Counter[bytes] = Counter()
        self._under_way: dict[int, Done] = {}
        self._chances = chances
        self._random = Random(seed)  # noqa: S311 - the same each time
        self._loop = asyncio.get_running_loop()

    @property
    def free(self) -> int:
        return 8 - len(self._under_way)

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        assert self.free > 0
        assert not self.is_dead
        self.sent[message.message_id] += 1
        number = self.sent.total()
        self._under_way[number] = done
        (verdict,) = self._random.choices([*self._chances], [*self._chances.values()])
        if verdict is ACCEPTED:
            self.accepted[message.message_id] += 1
        if verdict is None:
            self._loop.call_at(deadline, self._answer, number, UNKNOWN)
        else:
            self._loop.call_later(self._random.random() / 100, self._answer, number, verdict)

    def _answer(self, number: int, verdict: Verdict) -> None:
        done = self._under_way.pop(number, None)
        if done is not None and not self.is_dead:
            done(verdict)

    async def close(self) -> None:
        for number in list(self._under_way):
            self._answer(number, Verdict(Outcome.UNKNOWN, "cut_off"))


class Replica:
    """A sender with its loops, which can die in any moment."""

    def __init__(self, world: World, gateway: WildGateway) -> None:
        self.gateway = gateway
        self.sender = Sender(world.pool, gateway, QUICK)
        self._tasks = {
            name: asyncio.create_task(forever(name, step, every=SOON))
            for name, step in (
                ("renew", self._renew),
                ("claim", self.sender.claim),
                ("start", self._start),
                ("record", self.sender.record),
                ("flow", self.sender.flow.share),
            )
        }

    async def _renew(self) -> bool:
        await self.sender.renew()
        return False

    async def _start(self) -> bool:
        if self.gateway.is_idempotent:
            self.sender.pump()
            return False
        return await self.sender.mark_and_start()

    async def kill(self) -> None:
        """Die, with all that is under way."""
        self.gateway.is_dead = True
        await self._end(*self._tasks)

    async def freeze(self) -> None:
        """Show itself no more: what is under way is answered, and recorded late."""
        await self._end("renew")

    async def stop(self) -> None:
        """Leave in good order."""
        await self._end(*self._tasks)
        await self.sender.stop(PATIENT)

    async def _end(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


@asynccontextmanager
async def at_work(world: World, limits: Limits = QUICK) -> AsyncIterator[None]:
    """Let runs be expanded, ended and finished, and senders be found that are dead by `limits`."""
    reaper = Reaper(world.pool, limits)
    steps: dict[str, Callable[[], Awaitable[bool]]] = {
        "expand": partial(planning.expand, world.pool, CHANNELS),
        "end": partial(ending.end, world.pool),
        "finish": partial(ending.finish, world.pool),
        "reap": reaper.check,
    }
    tasks = [asyncio.create_task(forever(name, step, every=SOON)) for name, step in steps.items()]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def begun(world: World, *, clients: int, runs: int) -> list[Run]:
    """Return so many runs for so many clients, begun together."""
    await world.know_clients(range(1, clients + 1))
    found = [await world.schedule() for _ in range(runs)]
    for run in found:
        await run.begin()
    return found


async def finished(world: World) -> bool:
    return not await world.value("SELECT count(*) FROM runs WHERE state <> 'finished'")


@pytest.fixture(autouse=True)
def wild(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Let chunks be small, so that many meet, and chance be itself again."""
    assert world
    monkeypatch.setattr(planning_queue, "CHUNK", 7)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 3)
    monkeypatch.setattr(recording, "random", Random(1).random)  # noqa: S311


class Crew:
    """Two replicas at work; whoever leaves is replaced."""

    chances: ClassVar[dict[Verdict | None, int]] = {
        ACCEPTED: 70,
        NOT_PROCESSED: 12,
        UNKNOWN: 8,
        REFUSED: 4,
        None: 6,
    }

    def __init__(self, world: World, seed: int, *, is_idempotent: bool) -> None:
        self.gateways: list[WildGateway] = []
        self._world = world
        self._random = Random(seed)  # noqa: S311
        self._is_idempotent = is_idempotent
        self._frozen: list[Replica] = []
        self._living = [self._replica(), self._replica()]

    def _replica(self) -> Replica:
        seed = self._random.randrange(1_000)
        gateway = WildGateway(self.chances, seed, is_idempotent=self._is_idempotent)
        self.gateways.append(gateway)
        return Replica(self._world, gateway)

    async def suffer(self, run: Run) -> None:
        """Let something happen to one of them, or to the run."""
        victim = self._living.pop(0)
        match self._random.choice(["kill", "freeze", "stop", "pause", "pause"]):
            case "kill":
                await victim.kill()
            case "freeze":
                await victim.freeze()
                self._frozen.append(victim)
            case "stop":
                await victim.stop()
            case _:
                await run.pause()
                await prove(self._world.pool)
                await run.resume()
                self._living.append(victim)
                return
        self._living.append(self._replica())

    async def leave(self) -> None:
        for each in (*self._living, *self._frozen):
            await each.stop()


async def sent_by(world: World, gateways: list[WildGateway], target: int) -> None:
    """Wait until so many requests went out, or there is nothing left to send."""

    async def is_there() -> bool:
        return sum(g.sent.total() for g in gateways) >= target or await finished(world)

    await eventually(is_there, within=PATIENT)


@KINDS
@pytest.mark.parametrize("seed", [2])  # kill, kill, freeze, stop, pause
async def test_whatever_dies_freezes_or_leaves_every_message_is_final_once(
    world: World, seed: int, *, is_idempotent: bool
) -> None:
    one, other = await begun(world, clients=60, runs=2)
    async with at_work(world):
        crew = Crew(world, seed, is_idempotent=is_idempotent)
        for target in (20, 40, 60, 80, 100):
            await sent_by(world, crew.gateways, target)
            await crew.suffer(one)
            await prove(world.pool)
        await other.stop()
        await eventually(partial(finished, world), within=PATIENT)
        await crew.leave()

    counts = await prove(world.pool)
    assert counts.total() == 120
    assert not counts.keys() & {State.PLANNED, State.RETRY, State.EXPIRED}
    if not is_idempotent:
        marks = await world.value("SELECT count(*) FROM all_attempts WHERE kind = 'start'")
        assert sum(gateway.sent.total() for gateway in crew.gateways) <= marks


async def leave(sending: asyncio.Task[None]) -> None:
    """Tell a sender's loops to end, and wait until they have."""
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


@KINDS
async def test_without_a_fault_nothing_is_accepted_twice(
    world: World, *, is_idempotent: bool
) -> None:
    chances: dict[Verdict | None, int] = {ACCEPTED: 85, NOT_PROCESSED: 15}
    patient = replace(QUICK, timeout_s=5, lease_s=PATIENT)
    (run,) = await begun(world, clients=120, runs=1)
    gateways = [WildGateway(chances, seed, is_idempotent=is_idempotent) for seed in range(4)]
    working: list[asyncio.Task[None]] = []
    looking: list[asyncio.Task[None]] = []

    async with at_work(world, patient):
        for number, gateway in enumerate(gateways):
            if number > 1:
                await sent_by(world, gateways, 30 * number)
                await run.pause()
                await leave(working.pop(0))
                await run.resume()
            sender = Sender(world.pool, gateway, patient)
            poller = workers.WorkPoller(world.pool)
            work = workers.send_messages(sender, poller, drain=timedelta(seconds=PATIENT))
            working.append(asyncio.create_task(work))
            looking.append(asyncio.create_task(forever("poll", poller.poll, every=SOON)))
        await eventually(partial(finished, world), within=PATIENT)
        for each in working + looking:
            await leave(each)

    accepted = sum((gateway.accepted for gateway in gateways), Counter[bytes]())
    assert set(accepted.values()) == {1}
    assert await prove(world.pool) == {State.DELIVERED: 120}
    answers = "SELECT count(*) FROM all_attempts WHERE kind = 'answer' AND reason <> 'not_started'"
    assert await world.value(answers) == sum(gateway.sent.total() for gateway in gateways)
    assert await world.value("SELECT count(*) FROM senders") == 0
