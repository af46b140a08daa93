"""Liveness: which loops hang, whatever kind they are, and which only wait."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from math import inf
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from httpx import ASGITransport, AsyncClient

from shared import database, liveness
from shared import kafka as kafka_client
from shared.alarm import Alarm
from shared.database import Pool
from shared.errors import Unavailable
from shared.event import Instant
from shared.http import create_app
from shared.liveness import HANGS_AFTER_S
from shared.loop import Backoff, forever
from shared.outbox import relay, store
from shared.testing import FrozenClock, InMemoryEventStore, eventually, hung_after
from shared.watchdog import TICK_S

AN_HOUR = timedelta(hours=1)
A_MOMENT = timedelta(milliseconds=1)


async def for_ever(*_: object, **__: object) -> Any:
    await asyncio.Event().wait()


@asynccontextmanager
async def started(work: Awaitable[object]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def is_running(name: str) -> None:
    async def is_there() -> bool:
        return name in {each.name for each in liveness.loops()}

    await eventually(is_there, within=120)


async def is_waiting(name: str) -> None:
    """Wait until a loop waits to be woken; while it connects, made-up time makes it hang."""

    async def does() -> bool:
        return inf in {each.allowed_s for each in liveness.loops() if each.name == name}

    await eventually(does, within=120)


@pytest.fixture
async def probes(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app("test", [], no_pool, FrozenClock(now), InMemoryEventStore())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def test_a_step_that_hangs_is_named_within_a_minute(probes: AsyncClient) -> None:
    async with started(forever("stuck", for_ever, every=A_MOMENT)):
        await hung_after(60 - TICK_S)
        response = await probes.get("/livez")

    assert response.status_code == 503
    problem = response.json()
    assert problem["type"] == "LoopHung"
    assert problem["errors"][0]["detail"].startswith("stuck: it stands still for")


async def test_a_process_whose_loops_turn_is_alive(probes: AsyncClient) -> None:
    async def turns() -> bool:
        return True

    async with started(forever("turning", turns, every=AN_HOUR)):
        assert await hung_after(3_600) == set()
        assert (await probes.get("/livez")).status_code == 204


async def test_a_loop_that_hung_and_goes_on_is_alive_again() -> None:
    goes_on = asyncio.Event()

    async def step() -> bool:
        await goes_on.wait()
        return True

    async with started(forever("slow", step, every=A_MOMENT)):
        assert await hung_after(60) == {"slow"}
        goes_on.set()
        assert await hung_after(TICK_S) == set()


async def test_a_loop_that_rests_does_not_hang_before_its_rest_is_over() -> None:
    async def nothing() -> bool:
        return False

    async def rests_for_ever(_: float) -> None:
        await for_ever()

    loop = forever("resting", nothing, every=AN_HOUR, rest=rests_for_ever)
    async with started(loop):
        assert await hung_after(3_600) == set()
        assert await hung_after(HANGS_AFTER_S + TICK_S) == {"resting"}


async def test_a_loop_that_waits_until_it_is_woken_never_hangs() -> None:
    async def step() -> bool:
        with liveness.waiting():
            await for_ever()
        return False

    async with started(forever("waiting", step, every=A_MOMENT)):
        assert await hung_after(86_400) == set()


async def test_who_was_woken_after_a_long_wait_does_not_hang() -> None:
    with liveness.running("woken") as own:
        liveness.check(0)
        with liveness.waiting():
            liveness.check(0)
            liveness.check(2 * HANGS_AFTER_S)
            assert not own.hangs

        assert not own.hangs
        liveness.check(HANGS_AFTER_S)  # since when is not known before the next look
        assert not own.hangs
        liveness.check(HANGS_AFTER_S)
        assert own.hangs


async def test_the_sleep_of_an_alarm_may_be_longer_than_a_rest() -> None:
    alarm = Alarm()

    async def nothing() -> bool:
        return False

    async def rest(_: float) -> None:
        await alarm.sleep(600)

    async with started(forever("alarm", nothing, every=A_MOMENT, rest=rest)):
        assert await hung_after(600) == set()


async def test_a_loop_whose_database_is_away_does_not_hang(no_pool: Pool) -> None:
    async def step() -> bool:
        async with database.autocommit(no_pool):
            return True

    async with started(forever("away", step, every=A_MOMENT)):
        await is_running("away")
        [own] = [each for each in liveness.loops() if each.name == "away"]
        before = own.beats

        async def has_tried_again() -> bool:
            return own.beats > before + 2

        await eventually(has_tried_again, within=120)


async def test_each_wait_for_what_is_away_is_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.loop.FIRST_PAUSE", 0.0)
    with liveness.running("away") as own:
        before = own.beats
        await Backoff("away").wait(Unavailable())
        assert own.beats > before


async def test_each_statement_is_a_sign_of_life(catalog_pool: Pool) -> None:
    with liveness.running("busy") as own:
        async with database.transaction(catalog_pool) as db:
            before = own.beats
            await database.now(db)
            await database.now(db)
            assert own.beats == before + 2
            await database.fetch(db, "SELECT 1")

    assert own.beats > before + 2


async def test_outside_of_a_loop_nothing_is_watched() -> None:
    liveness.beat()
    with liveness.waiting():
        assert liveness.loops() == []


async def test_a_listener_that_hangs_is_noticed(
    kafka: str, catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def getmany(*_: object, **__: object) -> Any:
        asked.set()
        await for_ever()

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
    listening = kafka_client.listen(catalog_pool, kafka, "hung", {}, without_group=True)
    async with started(listening):
        await asyncio.wait_for(asked.wait(), 20)
        assert await hung_after(60) == {"listen.hung"}


async def test_a_relay_that_hangs_is_noticed(
    kafka: str, catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def oldest(*_: object) -> Any:
        asked.set()
        await for_ever()

    monkeypatch.setattr(store, "oldest", oldest)
    second = timedelta(seconds=1)
    working = relay.relay(catalog_pool, kafka, "catalog", every=second, lease=4 * second)
    async with started(working):
        await asyncio.wait_for(asked.wait(), 20)
        await is_waiting("relay.wake")
        assert await hung_after(60) == {"relay"}
