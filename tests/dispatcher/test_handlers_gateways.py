"""The senders of a dispatcher follow what is described, and what may have arrived its version."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.dispatcher import workers
from services.dispatcher.domain.gateway import PauseGateway, RemoveGateway, ResumeGateway
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.build import Misconfigured
from services.dispatcher.gateways.description import Described, read
from services.dispatcher.handlers import ending
from services.dispatcher.handlers.gateways import Senders, inherit
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queries import gateways as queries
from shared.contracts.dispatcher import State
from shared.database import autocommit
from shared.loop import forever
from shared.testing import eventually
from tests.dispatcher.described import built, command, describe, store_of
from tests.dispatcher.proof import prove
from tests.dispatcher.world import LIMITS, World

SOON = timedelta(milliseconds=20)
PATIENT = 60.0  # seconds: other processes use the same cores


class Server:
    """An HTTP gateway that says how it is, and knows what it has taken."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.heads: list[bytes] = []
        self.answers = True
        self.port = 0

    def description(self, **fields: Any) -> dict[str, Any]:
        return {"kind": "http", "url": f"http://127.0.0.1:{self.port}/m"} | fields

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
                self.keys.append(head.partition(b'Idempotency-Key: "')[2].partition(b'"')[0])
                self.heads.append(head)
                if not self.answers:
                    return
                body = b'{"id":"1","status":"accepted"}'
                kind = b"Content-Type: application/json\r\nContent-Length: %d" % len(body)
                writer.write(b"HTTP/1.1 200 OK\r\n" + kind + b"\r\n\r\n" + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    found = Server()
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


def senders_of(world: World) -> Senders:
    return Senders(world.pool, LIMITS, built, packs=True, traced_one_in=1)


async def close(senders: Sequence[Sender]) -> None:
    for each in senders:
        await each.stop(0)


@asynccontextmanager
async def at_work(world: World, senders: Senders) -> AsyncIterator[None]:
    """Let a dispatcher's senders do all that they do."""
    poller = workers.WorkPoller(world.pool)
    work = (
        workers.serve_gateways(senders, poller, drain=SOON, idle_renewal=SOON),
        forever("poll", poller.poll, every=SOON),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
        assert not any(task.done() for task in tasks), tasks
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


async def test_senders_are_those_that_are_described(world: World) -> None:
    senders = senders_of(world)
    assert (await senders.refresh()).started == []
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        await describe(world.pool, "b", server.description(), now=await world.now())

        first = await senders.refresh()
        second = await senders.refresh()
        removal = RemoveGateway(name="a", is_used=False, now=await world.now())
        await command(world.pool, removal)
        third = await senders.refresh()

    assert [each.gateway.name for each in first.started] == ["a", "b"]
    assert (second.started, second.retired) == ([], [])
    assert third.retired == first.started[:1]
    assert set(senders.current()) == set(senders.channels) == set(senders.policies) == {"b"}
    await close(first.started)


@pytest.mark.parametrize("change", [{"rate": 5.0}, {"idempotent": True}, {"timeout_s": 9.0}])
async def test_a_change_replaces_the_sender(world: World, change: dict[str, Any]) -> None:
    senders = senders_of(world)
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        [first] = (await senders.refresh()).started

        await describe(world.pool, "a", server.description(**change), now=await world.now())
        changes = await senders.refresh()

    assert changes.retired == [first]
    assert [senders.current()["a"]] == changes.started
    await close([first, *changes.started])


async def test_a_secret_that_has_changed_replaces_the_sender(world: World, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    senders = senders_of(world)
    async with serving() as server:
        refers = server.description(token={"file": str(token)})
        await describe(world.pool, "a", refers, now=await world.now())
        [first] = (await senders.refresh()).started

        token.write_text("new\n")
        changes = await senders.refresh()
        token.unlink()
        gone = await senders.refresh()

    assert changes.retired == [first]
    assert (gone.retired, gone.started, senders.current()) == (changes.started, [], {})
    await close([first, *changes.started])


async def test_what_one_gateway_lacks_stops_no_other(world: World, tmp_path: Path) -> None:
    senders = senders_of(world)
    async with serving() as server:
        missing = {"file": str(tmp_path / "missing")}
        now = await world.now()
        await describe(world.pool, "a", server.description(token=missing), now=now)
        await describe(world.pool, "b", server.description(), now=now)

        changes = await senders.refresh()

    assert [each.gateway.name for each in changes.started] == ["b"]
    problem, _ = await problem_of(world, "a")
    assert str(tmp_path / "missing") in problem
    await close(changes.started)


async def problem_of(world: World, name: str) -> Any:
    """Return what keeps dispatchers from using a gateway, and how many."""
    async with autocommit(world.pool) as db:
        found = await queries.gateway(db, name)
    return found.problem, found.replicas_with_problem


class Replica:
    """A dispatcher that may lack a secret."""

    def __init__(self, world: World, *problems: str, host: str | None = None) -> None:
        self.problems = list(problems)
        self.senders = Senders(
            world.pool, LIMITS, self.build, packs=True, traced_one_in=1, host=host
        )

    def build(self, name: str, described: Described, /, *, allows_private: bool) -> Gateway:
        if self.problems:
            raise Misconfigured(self.problems[0])
        return built(name, described, allows_private=allows_private)

    async def refresh(self) -> None:
        await close((await self.senders.refresh()).started)


async def test_a_dispatcher_that_lacks_a_secret_is_shown_beside_those_that_have_it(
    world: World,
) -> None:
    lacks, has = Replica(world, "no secret here"), Replica(world)
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        for each in (lacks, has, lacks, has):
            await each.refresh()
        with_one = await problem_of(world, "a")

        lacks.problems.clear()
        await lacks.refresh()

    assert with_one == ("no secret here", 1)
    assert await problem_of(world, "a") == (None, 0)


async def test_each_dispatcher_that_lacks_something_is_named_with_what_it_lacks(
    world: World,
) -> None:
    replicas = [Replica(world, "no secret", host="b"), Replica(world, "no file", host="a")]
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        for each in (*replicas, Replica(world, host="c")):
            await each.refresh()
        async with autocommit(world.pool) as db:
            found = (await queries.gateway(db, "a")).problems
            await world.pass_time(timedelta(seconds=40))
            later = (await queries.gateway(db, "a")).problems

    assert [(each.replica, each.problem) for each in found] == [
        ("a", "no file"),
        ("b", "no secret"),
    ]
    assert later == []


async def test_of_several_problems_that_of_most_dispatchers_is_shown(world: World) -> None:
    problems = ("no secret", "no certificate", "no certificate")
    replicas = [Replica(world, each) for each in problems]
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        for each in replicas:
            await each.refresh()
        of_all = await problem_of(world, "a")
        replicas[0].problems.clear()
        await replicas[0].refresh()

    assert (of_all, await problem_of(world, "a")) == (("no certificate", 3), ("no certificate", 2))


async def test_a_problem_lasts_as_long_as_its_dispatcher_notes_it(world: World) -> None:
    lacks, other = Replica(world, "no secret here"), Replica(world, "none here either")
    async with serving() as server:
        await describe(world.pool, "a", server.description(), now=await world.now())
        for _ in "12":
            await lacks.refresh()
            await world.pass_time(timedelta(seconds=20))
        lasts = await problem_of(world, "a")
        await world.pass_time(timedelta(seconds=20))
        is_over = await problem_of(world, "a")
        await other.refresh()

    assert (lasts, is_over) == (("no secret here", 1), (None, 0))
    assert await world.value("SELECT count(*) FROM gateway_problems") == 1


async def test_settings_make_a_gateway_once_and_have_no_effect_later(world: World) -> None:
    store, now = store_of(world.pool), await world.now()
    old = read({"kind": "http", "url": "http://old/"})
    new = read({"kind": "http", "url": "http://new/"})

    assert await inherit(store, {"http": old}, now) == []
    assert await inherit(store, {"http": old}, now) == []
    assert await inherit(store, {"http": new}, now) == ["http"]
    await command(world.pool, RemoveGateway(name="http", is_used=False, now=now))
    await inherit(store, {"http": new}, now)

    assert await world.rows("SELECT description ->> 'url', is_removed FROM gateways") == [
        ("http://old/", True)
    ]


CLIENTS = 3_000


@pytest.mark.parametrize("is_idempotent", [True, False])
async def test_a_gateway_that_changes_under_load_loses_and_repeats_nothing(
    world: World, is_idempotent: bool
) -> None:
    run = await world.plan(CLIENTS)

    async def is_finished() -> bool:
        await ending.finish(world.pool)
        return await run.status() == "finished"

    async with serving() as first, serving() as second, at_work(world, senders_of(world)):
        for at, server in ((0, first), (500, second), (1_000, first), (1_500, second)):

            async def is_so_far(number: int = at) -> bool:
                return len(first.keys) + len(second.keys) >= number

            await eventually(is_so_far, within=PATIENT)
            description = server.description(idempotent=is_idempotent, max_connections=8)
            await describe(world.pool, "http", description, now=await world.now())
        await eventually(is_finished, within=PATIENT)

    taken = first.keys + second.keys
    assert len(taken) == len(set(taken)) == CLIENTS
    assert second.keys
    assert await prove(world.pool) == {State.DELIVERED: CLIENTS}
    assert await world.value("SELECT count(*) FROM gateway_versions") <= 4


@pytest.mark.parametrize("is_idempotent", [True, False])
async def test_what_may_have_arrived_is_repeated_as_it_was_sent(
    world: World, is_idempotent: bool
) -> None:
    run = await world.plan(5)

    async def is_unknown() -> bool:
        return bool(await world.value("SELECT count(*) FROM exceptions WHERE unknowns > 0") == 5)

    async def is_finished() -> bool:
        await ending.finish(world.pool)
        return {await run.status(), await other.status()} == {"finished"}

    async def is_forgotten() -> bool:
        return bool(await world.value("SELECT count(*) FROM gateway_versions") == 1)

    async with serving() as first, serving() as second:
        first.answers = False
        now = await world.now()
        old = first.description(idempotent=is_idempotent, timeout_s=0.1)
        await describe(world.pool, "http", old, now=now)
        async with at_work(world, senders_of(world)):
            await eventually(is_unknown, within=PATIENT)
            await command(world.pool, PauseGateway(name="http", now=now))
            new = second.description(idempotent=is_idempotent)
            await describe(world.pool, "http", new, now=now)
            other = await world.plan()
            first.answers = True
            await world.pass_time(timedelta(minutes=2))
            await command(world.pool, ResumeGateway(name="http", now=now))
            await eventually(is_finished, within=PATIENT)
            await eventually(is_forgotten, within=PATIENT)

    assert len(set(first.keys)) == 5
    assert all(count > 1 for count in Counter(first.keys).values())
    assert len(set(second.keys)) == len(second.keys) == 5
    assert set(second.keys).isdisjoint(first.keys)


async def test_nothing_goes_to_a_gateway_that_is_paused(world: World) -> None:
    now = await world.now()
    async with serving() as server:
        await describe(world.pool, "http", server.description(), now=now)
        await command(world.pool, PauseGateway(name="http", now=now))
        run = await world.plan(5)
        senders = senders_of(world)
        [sender] = (await senders.refresh()).started

        await sender.renew()
        held = await sender.claim()
        await command(world.pool, ResumeGateway(name="http", now=now))
        free = await sender.claim()

    assert (held, free) == (False, True)
    assert await run.status() == "sending"
    await close([sender])
