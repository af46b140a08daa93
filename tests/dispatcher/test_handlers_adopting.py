"""A ledger that is older than what it has published sends nothing before it has read that back."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import PostgresDsn
from sqlalchemy import text

from services.dispatcher.domain.gateway import PauseGateway, RemoveGateway, ResumeGateway
from services.dispatcher.domain.resend import Chosen
from services.dispatcher.domain.resolution import Resolution
from services.dispatcher.domain.switch import Move
from services.dispatcher.handlers import adopting, planning
from services.dispatcher.handlers.adopting import (
    LEDGER,
    OF_MESSAGES,
    OURS,
    LedgerGuard,
    adopt,
)
from services.dispatcher.handlers.archiving import Emptying, archive
from services.dispatcher.handlers.resending import NewResend, resend
from services.dispatcher.handlers.resolving import resolve
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue.totals import totals_of
from shared import database, ids, stops
from shared.contracts.dispatcher import MESSAGES, RUNS, State
from shared.contracts.gateways import GATEWAYS
from shared.database import Pool, transaction
from shared.errors import Unavailable
from shared.kafka import Handlers, ends, last_events, topics
from shared.outbox import relay
from shared.testing import eventually
from tests.dispatcher.described import HTTP, command, describe
from tests.dispatcher.proof import Proof
from tests.dispatcher.world import (
    CHANNELS,
    HOUR,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    numbers,
    work,
)
from tests.restoring import back_up, restore
from tests.stacks import PreparedStack

if TYPE_CHECKING:
    from services.dispatcher.domain.outcome import Verdict

CLIENTS = 60
MAILINGS = count(1_000, 1_000)  # so that no two tests have a run in common
SOON = timedelta(milliseconds=20)
OURS_BY_NAME = {GATEWAYS.name, RUNS.name, MESSAGES.name}


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a Kafka in which nothing is but what these tests have published."""
    said: list[str] = []
    home = tmp_path_factory.mktemp("kafka")
    stack = PreparedStack(home, parts=["kafka"], report=said.append, ephemeral=True)
    asyncio.run(stack.start())
    try:
        servers = stack.env["KAFKA_SERVERS"]
        asyncio.run(topics.create(servers, partitions=3))
        yield servers
    finally:
        asyncio.run(stack.stop())


async def unused(*_: object) -> None:
    """Handle nothing: a topic is meant by what is subscribed."""


@dataclass
class Dispatcher:
    """A dispatcher's database, what happens around it, and its gateway, which is a plain one."""

    world: World
    url: PostgresDsn
    servers: str
    gateway: FakeGateway

    @property
    def pool(self) -> Pool:
        return self.world.pool

    async def publish(self) -> None:
        """Let a relay send all there is."""
        loop = relay.relay(
            self.pool, self.servers, "dispatcher", every=SOON, lease=timedelta(seconds=1)
        )
        task = asyncio.create_task(loop)

        async def is_published() -> bool:
            return not await self.world.value("SELECT count(*) FROM outbox")

        try:
            await eventually(is_published, within=120)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def published(self) -> int:
        """Return how many records there are of its own topics."""
        handlers: Handlers = dict.fromkeys(OURS, unused)
        return sum((await ends(self.servers, handlers)).values())

    async def back_up(self) -> None:
        await self.publish()
        await self.pool.dispose()
        await back_up(self.url)

    async def restore(self) -> None:
        await self.publish()
        await self.pool.dispose()
        await restore(self.url)

    async def send(self) -> None:
        """Send what is due, retries too, until nothing is."""
        for _ in range(4):
            await work(await alive(self.world, self.gateway))
            await self.world.pass_time(timedelta(minutes=1))

    async def ledger(self) -> Any:
        """Return where each message is, and the runs."""
        tables = {}
        async with transaction(self.pool) as db:
            for name in ("runs", "chunks", "exceptions", "senders"):
                tables[name] = list(await db.execute(text(f"SELECT * FROM {name}")))
            tables["attempts"] = list(await db.execute(text("SELECT * FROM all_attempts")))
        proof = Proof(tables, [])
        runs = {
            key: (run.state, run.chunk_count, run.planned_count, run.finished_at)
            for key, run in proof.runs.items()
        }
        open_counts = {key: row.open_count for key, row in proof.chunks.items()}
        return proof.ledger(), runs, open_counts

    @asynccontextmanager
    async def guarded(self) -> AsyncIterator[Pool]:
        guard = LedgerGuard(self.servers)
        async with database.connect(self.url, admit=guard.admit) as pool:
            yield pool
        stops.resumed(adopting.PART)


@pytest.fixture
async def dispatcher(
    dispatcher_pool: Pool,
    dispatcher_database: PostgresDsn,
    own_kafka: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher whose log holds what it has published, and nothing else is looked at."""
    monkeypatch.setattr(planning_queue, "CHUNK", 10)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)
    script: dict[int, list[Verdict | None]] = {
        4: [REFUSED],
        14: [NOT_PROCESSED],
        24: [UNKNOWN],
        34: [UNKNOWN, UNKNOWN],
    }
    script |= {44: [NOT_PROCESSED, REFUSED], 54: [REFUSED]}
    gateway = FakeGateway(script, is_idempotent=False)
    world = World(dispatcher_pool, last_mailing=next(MAILINGS))
    await empty(own_kafka)
    yield Dispatcher(world, dispatcher_database, own_kafka, gateway)
    stops.resumed(adopting.PART)


async def empty(servers: str) -> None:
    """Make the topics anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_topics([*OURS_BY_NAME])

        async def are_gone() -> bool:
            return not OURS_BY_NAME & set(await admin.list_topics())

        await eventually(are_gone, within=120)
    finally:
        await admin.close()
    await topics.create(servers, partitions=3)


async def use(ledger: Pool) -> None:
    async with transaction(ledger) as db:
        await db.execute(text("SELECT 1"))


async def expand(dispatcher: Dispatcher, *, steps: int) -> None:
    for _ in range(steps):
        await planning.expand(dispatcher.pool, CHANNELS)


async def begun(dispatcher: Dispatcher, *, steps: int) -> Run:
    """Begin a run of 60 messages in six chunks, of which some are written down by now."""
    await dispatcher.world.know_clients(range(1, CLIENTS + 1))
    run = await dispatcher.world.schedule()
    await run.begin()
    await expand(dispatcher, steps=steps)
    return run


async def go_on(dispatcher: Dispatcher, run: Run, *, steps: int, end: str) -> None:
    """Let a run go on to its end, or until only retries are left; publish all of it."""
    await expand(dispatcher, steps=steps)
    if end in ("finished", "open"):
        await dispatcher.send()
    if end == "expired":
        await dispatcher.world.pass_time(HOUR)
    if end == "stopped":
        await run.stop()
    if end != "open":
        await dispatcher.world.end()
    await dispatcher.publish()


@pytest.mark.parametrize(
    ("steps", "sent", "end"),
    [
        (0, False, "finished"),
        (1, True, "finished"),
        (4, True, "open"),
        (1, False, "expired"),
        (4, True, "expired"),
        (1, True, "stopped"),
    ],
)
async def test_a_ledger_from_the_middle_of_a_run_sends_nothing_twice(
    dispatcher: Dispatcher, steps: int, end: str, *, sent: bool
) -> None:
    run = await begun(dispatcher, steps=steps)
    if sent:
        await work(await alive(dispatcher.world, dispatcher.gateway))
    await dispatcher.back_up()
    await go_on(dispatcher, run, steps=4 - steps, end=end)
    before, sent_before = await dispatcher.ledger(), numbers(dispatcher.gateway)
    await dispatcher.restore()

    async with dispatcher.guarded() as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
        assert "the log has results" in stops.reasons()[adopting.PART]

        await adopt(dispatcher.pool, dispatcher.servers, [])

        await use(ledger)
        assert adopting.PART not in stops.reasons()
    assert await dispatcher.ledger() == before
    await dispatcher.send()
    assert numbers(dispatcher.gateway) == sent_before
    await dispatcher.world.end()
    if end != "open":
        async with transaction(dispatcher.pool) as db:
            totals = (await totals_of(db, [run.run_id]))[run.run_id]
        assert totals == Counter(where.state for where in before[0].values())


@pytest.mark.parametrize("moves", [[Move.PAUSE], [Move.PAUSE, Move.RESUME], [Move.STOP]])
async def test_a_ledger_that_lacks_how_a_runs_switch_was_moved_reads_it_back_before_it_sends(
    dispatcher: Dispatcher, moves: list[Move]
) -> None:
    run = await begun(dispatcher, steps=4)
    await dispatcher.back_up()
    for move in moves:
        await run.switch(move, "anna")
    switch = "SELECT switch_count, paused_at, paused_by, resumed_at, stopped_at, stopped_by"
    before = await dispatcher.world.rows(f"{switch} FROM runs")
    await dispatcher.restore()

    async with dispatcher.guarded() as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
        await adopt(dispatcher.pool, dispatcher.servers, [])
        await use(ledger)

    assert await dispatcher.world.rows(f"{switch} FROM runs") == before


async def test_a_ledger_that_lacks_what_became_of_gateways_reads_that_back_before_it_sends(
    dispatcher: Dispatcher,
) -> None:
    pool, now = dispatcher.pool, await dispatcher.world.now()
    for name in ("paused", "changed", "removed"):
        await describe(pool, name, HTTP, now=now)
    await dispatcher.back_up()
    later = now + timedelta(minutes=1)
    await command(pool, PauseGateway(name="paused", now=later))
    await describe(pool, "changed", HTTP | {"rate": 5.0}, now=later)
    await describe(pool, "added", HTTP, now=later)
    await command(pool, RemoveGateway(name="removed", is_used=False, now=later))
    shown = "SELECT name, version, is_paused, is_removed, description FROM gateways ORDER BY name"
    before = await dispatcher.world.rows(shown)
    await dispatcher.restore()

    async with dispatcher.guarded() as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
        await adopt(pool, dispatcher.servers, [])
        await use(ledger)

    assert await dispatcher.world.rows(shown) == before
    await command(pool, ResumeGateway(name="paused", now=later))
    versions = "SELECT version FROM gateways WHERE name = 'paused'"
    assert await dispatcher.world.value(versions) == 3


async def test_a_ledger_from_before_a_resend_reads_its_run_back_and_sends_nothing_twice(
    dispatcher: Dispatcher,
) -> None:
    run = await begun(dispatcher, steps=4)
    await go_on(dispatcher, run, steps=0, end="finished")
    await dispatcher.back_up()
    made, until = ids.new_id(), await dispatcher.world.now() + HOUR
    await resend(
        dispatcher.pool, NewResend(Chosen(run.run_id, (State.FAILED,)), made, None, until)
    )
    await expand(dispatcher, steps=4)
    await dispatcher.send()
    await dispatcher.world.end()
    before, sent_before = await dispatcher.ledger(), numbers(dispatcher.gateway)
    await dispatcher.restore()

    await adopt(dispatcher.pool, dispatcher.servers, [])

    assert await dispatcher.ledger() == before
    await dispatcher.send()
    assert numbers(dispatcher.gateway) == sent_before


async def test_a_ledger_from_before_a_message_was_resolved_by_hand_reads_that_back(
    dispatcher: Dispatcher,
) -> None:
    dispatcher.gateway.resends_unknown = False  # so that there is one attempt, as at the plain
    run = await begun(dispatcher, steps=4)
    await dispatcher.back_up()
    await go_on(dispatcher, run, steps=0, end="finished")
    unknown = "SELECT client_id FROM exceptions WHERE state = 'undetermined' LIMIT 1"
    message_id = ids.message_id(run.run_id, await dispatcher.world.value(unknown))
    await resolve(dispatcher.pool, message_id, Resolution(State.DELIVERED, "their report"))
    before = await dispatcher.ledger()
    await dispatcher.restore()

    await adopt(dispatcher.pool, dispatcher.servers, [])

    assert await dispatcher.ledger() == before
    reasons = await dispatcher.world.rows("SELECT reason FROM exceptions")
    assert ("their report",) in reasons


async def test_a_ledger_that_knows_what_it_published_is_used_and_notes_how_far_that_is(
    dispatcher: Dispatcher,
) -> None:
    await begun(dispatcher, steps=4)
    await dispatcher.send()
    await dispatcher.world.end()
    await dispatcher.publish()

    async with dispatcher.guarded() as ledger:
        await use(ledger)

    noted = await dispatcher.world.value(
        "SELECT sum(position) FROM offsets WHERE consumer = :consumer", consumer=LEDGER
    )
    assert noted == await dispatcher.published()


async def test_of_what_was_committed_as_one_block_two_events_are_looked_up(
    dispatcher: Dispatcher,
) -> None:
    run = await begun(dispatcher, steps=6)
    await dispatcher.send()
    await dispatcher.publish()

    events, _ = await last_events(dispatcher.servers, OF_MESSAGES, 1_000)

    of_run = [each for each in events if each.run_id == run.run_id]
    in_rows = await dispatcher.world.value("SELECT count(*) FROM attempts WHERE kind = 'answer'")
    in_blocks = await dispatcher.world.value("SELECT count(*) FROM blocks")
    assert in_blocks
    assert len(of_run) <= 2 * (in_rows + in_blocks) < 2 * CLIENTS


async def test_a_database_that_takes_the_place_of_another_is_looked_at_before_it_is_used(
    dispatcher: Dispatcher,
) -> None:
    await begun(dispatcher, steps=4)
    await dispatcher.back_up()
    async with dispatcher.guarded() as ledger:
        await use(ledger)
        await dispatcher.send()
        await dispatcher.restore()

        for _ in range(3):  # a connection from before fails, and then there are only new ones
            with pytest.raises(Unavailable):
                await use(ledger)
        sender = await _refused(ledger, dispatcher.gateway)
        assert sender is None
        await adopt(dispatcher.pool, dispatcher.servers, [])


async def _refused(ledger: Pool, gateway: FakeGateway) -> Any:
    with pytest.raises(Unavailable):
        await alive(World(ledger), gateway)


async def test_adopting_tells_how_much_it_was_and_a_second_time_changes_nothing(
    dispatcher: Dispatcher,
) -> None:
    run = await begun(dispatcher, steps=0)
    await dispatcher.back_up()
    noted = await dispatcher.published()
    await expand(dispatcher, steps=4)
    await dispatcher.send()
    await dispatcher.world.end()
    await dispatcher.publish()
    before = await dispatcher.ledger()
    await dispatcher.restore()
    lacking = await dispatcher.published() - noted

    records = await adopt(dispatcher.pool, dispatcher.servers, [])

    again = await adopt(dispatcher.pool, dispatcher.servers, [])
    assert records >= lacking > 0
    assert again == 0
    assert (await dispatcher.ledger())[0] == before[0]
    assert await run.status() == "finished"


async def test_results_of_a_run_that_nobody_has_begun_are_not_adopted(
    dispatcher: Dispatcher,
) -> None:
    await dispatcher.back_up()
    await begun(dispatcher, steps=4)
    await dispatcher.restore()

    with pytest.raises(Unavailable) as caught:
        await adopt(dispatcher.pool, dispatcher.servers, [])

    assert isinstance(caught.value.__cause__, adopting.RunsUnknown)
    assert await dispatcher.world.value("SELECT count(*) FROM chunks") == 0


async def test_without_kafka_no_database_is_known_to_be_good(dispatcher: Dispatcher) -> None:
    guard = LedgerGuard("127.0.0.1:1")
    async with database.connect(dispatcher.url, admit=guard.admit) as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
    assert adopting.PART not in stops.reasons()


async def test_the_command_adopts_and_says_how_much(dispatcher: Dispatcher) -> None:
    await begun(dispatcher, steps=1)
    await dispatcher.back_up()
    await expand(dispatcher, steps=3)
    await dispatcher.send()
    await dispatcher.publish()
    before = await dispatcher.ledger()
    await dispatcher.restore()
    environment = {
        "DISPATCHER_DATABASE_URL": str(dispatcher.url),
        "KAFKA_SERVERS": dispatcher.servers,
    }

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.dispatcher", "adopt"),
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()

    assert (process.returncode, out.decode().startswith("adopted: ")) == (0, True)
    assert await dispatcher.ledger() == before


async def archived(dispatcher: Dispatcher, *, is_empty: bool) -> None:
    """Archive what is finished; delete the rows, or leave that for later."""
    await archive(dispatcher.pool, await dispatcher.world.now())
    emptying = Emptying(dispatcher.pool)
    while is_empty and await emptying.delete_slice():
        pass
    await dispatcher.publish()


async def figures(dispatcher: Dispatcher) -> Any:
    rows = await dispatcher.world.rows(
        "SELECT run_id, state, archived_at, totals, attempt_count, finished_at FROM runs"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("steps", [0, 1, 4])
async def test_a_ledger_from_before_a_run_was_archived_takes_its_figures_from_the_log(
    dispatcher: Dispatcher, steps: int
) -> None:
    run = await begun(dispatcher, steps=steps)
    await dispatcher.back_up()
    await go_on(dispatcher, run, steps=4 - steps, end="finished")
    await archived(dispatcher, is_empty=True)
    before, sent_before = await figures(dispatcher), numbers(dispatcher.gateway)
    await dispatcher.restore()

    async with dispatcher.guarded() as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
        await adopt(dispatcher.pool, dispatcher.servers, [])
        await use(ledger)
    await archived(dispatcher, is_empty=True)

    assert await figures(dispatcher) == before
    assert await run.status() == "archived"
    for table in ("attempts", "blocks", "exceptions", "chunks"):
        assert await dispatcher.world.value(f"SELECT count(*) FROM {table}") == 0
    await dispatcher.send()
    assert numbers(dispatcher.gateway) == sent_before


@pytest.mark.parametrize("is_empty", [False, True])
async def test_a_ledger_without_the_messages_of_an_archived_run_is_known_to_be_good(
    dispatcher: Dispatcher, *, is_empty: bool
) -> None:
    run = await begun(dispatcher, steps=4)
    await go_on(dispatcher, run, steps=0, end="finished")
    await archived(dispatcher, is_empty=is_empty)

    async with dispatcher.guarded() as ledger:
        await use(ledger)


async def test_adopting_all_again_brings_back_no_row_of_an_archived_run(
    dispatcher: Dispatcher,
) -> None:
    run = await begun(dispatcher, steps=4)
    await go_on(dispatcher, run, steps=0, end="finished")
    await archived(dispatcher, is_empty=True)
    before = await figures(dispatcher)
    await dispatcher.world.rows("DELETE FROM offsets RETURNING 1")

    assert await adopt(dispatcher.pool, dispatcher.servers, []) > 0

    assert await figures(dispatcher) == before
    for table in ("attempts", "blocks", "exceptions", "chunks"):
        assert await dispatcher.world.value(f"SELECT count(*) FROM {table}") == 0


async def test_a_ledger_that_lacks_only_an_archive_is_not_used(dispatcher: Dispatcher) -> None:
    run = await begun(dispatcher, steps=4)
    await go_on(dispatcher, run, steps=0, end="finished")
    await dispatcher.back_up()
    await archived(dispatcher, is_empty=True)
    await dispatcher.restore()

    async with dispatcher.guarded() as ledger:
        with pytest.raises(Unavailable):
            await use(ledger)
