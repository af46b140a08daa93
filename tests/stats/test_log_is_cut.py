"""What was deleted from the log is missed by nobody: archived runs have their figures.

On a Kafka of its own: nobody else could read what is cut.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import text
from structlog.testing import capture_logs

from deploy.local.stack import KAFKA
from services.stats.routes import routers
from services.stats.subscriptions import (
    CONSUMER,
    MAY_BE_CUT,
    mender,
    subscriptions,
    subscriptions_of,
)
from services.stats.workers.proving import Prover
from services.stats.workers.rebuilding import Rebuild
from shared import database, http, ids, kafka, stops
from shared.contracts.dispatcher import MESSAGES, State
from shared.database import Pool, transaction
from shared.event import Event
from shared.kafka import end_offsets, start_offsets, topics
from shared.testing import eventually
from tests.stacks import PreparedStack
from tests.stats.log import Log, log_in
from tests.stats.story import ARCHIVED_AT, Run

# A client of aiokafka that is ended while it connects may leave a socket to the collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

DELIVERED, FAILED = State.DELIVERED, State.FAILED
TOTALS = {DELIVERED: 28, FAILED: 2}
ATTEMPTS = 31
FIGURES = dict.fromkeys(State, 0) | TOTALS


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    said: list[str] = []
    home = tmp_path_factory.mktemp("kafka")
    stack = PreparedStack(home, parts=[KAFKA], report=said.append, ephemeral=True)
    asyncio.run(stack.start())
    try:
        servers = stack.env["KAFKA_SERVERS"]
        asyncio.run(topics.create(servers, partitions=2))
        yield servers
    finally:
        asyncio.run(stack.stop())


@pytest.fixture
async def log(own_kafka: str) -> AsyncIterator[Log]:
    async with log_in(own_kafka) as log:
        yield log


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/v1") as api:
        yield api


def first_half(run: Run) -> list[Event]:
    single = [run.attempted(each, DELIVERED, chunk=0) for each in range(10)]
    return [
        run.scheduled(),
        run.planned(0, range(20)),
        run.planned(1, range(20, 30)),
        run.expanded(30),
        *single,
        run.block(0, range(10, 15)),
    ]


def second_half(run: Run) -> list[Event]:
    return [
        run.block(0, range(15, 19), number=2),
        run.attempted(19, State.RETRY, chunk=0),
        run.attempted(19, FAILED, attempt=2, chunk=0),
        run.ended(19, FAILED, attempts=2, version=5),
        run.block(1, range(20, 29)),
        run.attempted(29, FAILED, chunk=1),
        run.ended(29, FAILED, version=3),
        run.finished(TOTALS),
    ]


async def cut(servers: str, before: dict[int, int]) -> None:
    """Delete the first records of messages, as the retention of the topic does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(MESSAGES.name, number): RecordsToDelete(before_offset=end)
                for number, end in before.items()
            }
        )
    finally:
        await admin.close()


async def drop_statistics(pool: Pool) -> None:
    """Let the database be as if it had just been made."""
    async with transaction(pool) as db:
        tables = "runs, mailings, totals, chunks, blocks, messages, offsets, progress"
        await db.execute(text(f"TRUNCATE {tables}"))


@asynccontextmanager
async def serving(servers: str, pool: Pool) -> AsyncIterator[None]:
    """Listen and prove as the service does."""
    prover = Prover(pool, servers, CONSUMER, subscriptions_of, mender)
    ends = asyncio.Event()

    async def prove() -> None:
        while not ends.is_set():
            await prover.step()
            with suppress(TimeoutError):
                await asyncio.wait_for(ends.wait(), 0.05)

    listening = asyncio.create_task(
        kafka.listen(
            pool,
            servers,
            CONSUMER,
            subscriptions(),
            without_group=True,
            may_be_cut=MAY_BE_CUT,
        )
    )
    proving = asyncio.create_task(prove())
    try:
        yield
        assert not listening.done(), listening.exception()
    finally:
        ends.set()
        await proving
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        stops.resumed(f"consumer {CONSUMER}")


async def view_of(api: httpx.AsyncClient, run: Run) -> Any:
    """Return a run, without what says how old that is."""
    view = (await api.get(f"/runs/{run.id}")).json()
    return {name: it for name, it in view.items() if name not in ("as_of", "lag_s")}


async def shown(api: httpx.AsyncClient, *logs: Log) -> Any:
    """Return all that is shown of mailings; other tests know others."""
    mailings = {str(each.run.mailing_id) for each in logs}
    listed = (await api.get("/mailings", params={"limit": 1000})).json()["items"]
    return [
        *(each for each in listed if each["mailing_id"] in mailings),
        *[(await api.get(f"/mailings/{each}")).json()["runs"] for each in sorted(mailings)],
        *[await view_of(api, each.run) for each in logs],
    ]


async def eventually_agrees(api: httpx.AsyncClient, run: Run, *, agrees: bool = True) -> Any:
    async def compared() -> Any:
        view = await view_of(api, run)
        ledger = view.get("ledger")
        return view if ledger and ledger["agrees"] is agrees else None

    return await eventually(compared, within=120)


async def eventually_archived(api: httpx.AsyncClient, run: Run) -> Any:
    async def is_archived() -> Any:
        view = await view_of(api, run)
        return view if view.get("archived_at") else None

    return await eventually(is_archived, within=120)


async def restart(servers: str, pool: Pool, api: httpx.AsyncClient, run: Run) -> None:
    """Let the service make its tables from nothing."""
    async with serving(servers, pool):
        await eventually_archived(api, run)


async def rebuild(servers: str, pool: Pool, *_: object) -> None:
    """Let the command make the tables from nothing."""
    worker = Rebuild(pool, servers, CONSUMER, subscriptions, MAY_BE_CUT)
    rebuilt = await worker.run(lambda _: None)
    starts, ends = await start_offsets(servers, MESSAGES), await end_offsets(servers, MESSAGES)
    assert rebuilt.events == sum(ends.values()) - sum(starts.values())


@pytest.mark.parametrize("again", [restart, rebuild])
async def test_what_is_archived_has_the_same_figures_when_its_log_is_cut_in_the_middle(
    own_kafka: str, stats_pool: Pool, api: httpx.AsyncClient, log: Log, again: Any
) -> None:
    kept = Log(log.producer, Run(ids.new_id()))
    await cut(own_kafka, await end_offsets(own_kafka, MESSAGES))  # what other tests have left
    async with serving(own_kafka, stats_pool):
        await log.tell(first_half(log.run))
        middle = await end_offsets(own_kafka, MESSAGES)
        await log.tell([*second_half(log.run), log.run.archived(TOTALS, ATTEMPTS)])
        await kept.tell([*first_half(kept.run), *second_half(kept.run)])
        await eventually_archived(api, log.run)
        await eventually_agrees(api, kept.run)
        before = await shown(api, log, kept)
    await cut(own_kafka, middle)
    await drop_statistics(stats_pool)

    await again(own_kafka, stats_pool, api, log.run)
    async with serving(own_kafka, stats_pool):
        await eventually_agrees(api, kept.run)

    assert await shown(api, log, kept) == before
    archived = await view_of(api, log.run)
    assert (archived["by_status"], archived["planned"]) == (FIGURES, 30)
    assert archived["attempts"] == ATTEMPTS
    assert archived["archived_at"] == ARCHIVED_AT.isoformat().replace("+00:00", "Z")
    for run in (log.run, kept.run):
        answer = await api.get("/reconcile", params={"run_id": str(run.id)})
        assert answer.json()["reconciles"]


async def test_a_finished_run_whose_events_are_gone_says_so_until_it_is_archived(
    own_kafka: str, stats_pool: Pool, api: httpx.AsyncClient, log: Log
) -> None:
    run, other = log.run, Log(log.producer, Run(ids.new_id()))
    await log.tell(first_half(run))
    await cut(own_kafka, await end_offsets(own_kafka, MESSAGES))
    await log.tell(second_half(run))

    with capture_logs() as logs:
        async with serving(own_kafka, stats_pool):

            async def is_known_to_be_cut() -> Any:
                ledger = (await view_of(api, run)).get("ledger")
                return ledger if ledger and ledger["is_cut"] else None

            await eventually(is_known_to_be_cut, within=120)
            found = (await eventually_agrees(api, run, agrees=False))["ledger"]
            reconciled = (await api.get("/reconcile", params={"run_id": str(run.id)})).json()
            await other.tell([*first_half(other.run), *second_half(other.run)])
            await eventually_agrees(api, other.run)  # a turn later it was not read again
            events = [each["event"] for each in logs if each.get("run_id") == str(run.id)]
            await log.tell([run.archived(TOTALS, ATTEMPTS)])
            archived = await eventually_archived(api, run)

    assert found["differences"] == {"planned": 15, "delivered": -15}
    assert not found["was_mended"]
    assert not reconciled["reconciles"]
    assert events == ["stats.differs", "stats.mended"]
    ledger = archived["ledger"]
    assert (ledger["agrees"], ledger["is_cut"], ledger["differences"]) == (True, False, {})
    assert archived["by_status"] == FIGURES


async def test_a_run_whose_events_were_deleted_since_is_not_read_again(
    own_kafka: str, stats_pool: Pool, api: httpx.AsyncClient, log: Log
) -> None:
    with capture_logs() as logs:
        async with serving(own_kafka, stats_pool):
            await log.tell([*first_half(log.run), *second_half(log.run)])
            await eventually_agrees(api, log.run)
            await cut(own_kafka, await end_offsets(own_kafka, MESSAGES))
            async with transaction(stats_pool) as db:
                block = "DELETE FROM blocks WHERE run_id = :run_id AND number = 2"
                await db.execute(text(block), {"run_id": log.run.id})

            async def is_known_to_be_cut() -> Any:
                ledger = (await view_of(api, log.run))["ledger"]
                return ledger if ledger["agrees"] is False and ledger["is_cut"] else None

            found = await eventually(is_known_to_be_cut, within=120)

    assert found["differences"] == {"planned": 4, "delivered": -4}
    assert not found["was_mended"]
    events = [each["event"] for each in logs if each.get("run_id") == str(log.run.id)]
    assert "stats.mending_impossible" in events


async def test_who_was_away_while_the_log_was_cut_stops_and_is_rebuilt(
    own_kafka: str, stats_pool: Pool, api: httpx.AsyncClient, log: Log
) -> None:
    async with serving(own_kafka, stats_pool):
        await log.tell(first_half(log.run))

        async def is_half() -> Any:
            return (await view_of(api, log.run)).get("attempts") == 15

        await eventually(is_half, within=120)
    await log.tell(second_half(log.run))
    await cut(own_kafka, await end_offsets(own_kafka, MESSAGES))
    await log.tell([log.run.archived(TOTALS, ATTEMPTS)])

    async with serving(own_kafka, stats_pool):

        async def has_stopped() -> bool:
            return f"consumer {CONSUMER}" in stops.reasons()

        await eventually(has_stopped, within=120)
        rebuild = Rebuild(stats_pool, own_kafka, CONSUMER, subscriptions, MAY_BE_CUT)
        await rebuild.run(lambda _: None)

        async def goes_on() -> bool:
            return not await has_stopped()

        await eventually(goes_on, within=120)
        archived = await eventually_archived(api, log.run)
        later = Log(log.producer, Run(ids.new_id()))
        await later.tell([*first_half(later.run), *second_half(later.run)])
        await eventually_agrees(api, later.run)

    assert archived["by_status"] == FIGURES
