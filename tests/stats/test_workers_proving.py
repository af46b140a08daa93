"""Figures of finished runs are compared with the ledger, and mended once where they differ."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.stats.queue import proofs
from services.stats.routes import routers
from services.stats.subscriptions import CONSUMER, mender, subscriptions_of
from services.stats.workers.proving import Prover
from shared import database, http, kafka, telemetry
from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, transaction
from shared.event import Received
from shared.kafka import Handlers
from shared.loop import forever
from shared.testing import eventually
from tests.stats.log import Log, listening
from tests.stats.story import client

FAILED, DELIVERED = State.FAILED, State.DELIVERED


@pytest.fixture(autouse=True)
def _proves_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.stats.workers.proving.REST_S", 0.1)


@pytest.fixture
async def prover(kafka: str, stats_pool: Pool, from_here: Any) -> Prover:
    await from_here(stats_pool, CONSUMER)
    return Prover(stats_pool, kafka, CONSUMER, subscriptions_of, mender)


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as api:
        yield api


async def finish(log: Log, totals: dict[State, int], *, missing: Sequence[int] = ()) -> None:
    """Let ten messages be delivered, four of them in a block, and two fail.

    Some events are not in the log.
    """
    run = log.run
    await log.tell([run.scheduled(), run.planned(0, range(12)), run.expanded(12)])
    await log.tell([run.block(0, range(5, 9))])
    for each in (0, 1, 2, 3, 4, 9, 10, 11):
        state = DELIVERED if each < 10 else FAILED
        if each not in missing:
            await log.tell([run.attempted(each, state), run.ended(each, state, version=10)])
    await log.tell([run.finished(totals)])


ALL = {DELIVERED: 10, FAILED: 2}


async def ledger(api: httpx.AsyncClient, log: Log) -> Any:
    answer = await api.get(f"/v1/runs/{log.run.id}")
    return answer.json().get("ledger")


async def reconciled(api: httpx.AsyncClient, log: Log) -> Any:
    answer = await api.get("/v1/reconcile", params={"run_id": str(log.run.id)})
    [proof] = answer.json()["runs"]
    assert answer.json()["reconciles"] == proof["reconciles"]
    return proof


async def eventually_agrees(api: httpx.AsyncClient, log: Log, *, agrees: bool = True) -> Any:
    async def compared() -> Any:
        found = await ledger(api, log)
        return found if found and found["agrees"] is agrees else None

    return await eventually(compared, within=120)


@asynccontextmanager
async def proving(prover: Prover) -> AsyncIterator[None]:
    task = asyncio.create_task(forever("prove", prover.step, every=timedelta(milliseconds=50)))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def delete(pool: Pool, table: str, where: str, **values: object) -> None:
    async with transaction(pool) as db:
        done = await db.execute(text(f"DELETE FROM {table} WHERE {where}"), values)
        assert done.rowcount == 1


async def test_figures_that_are_the_ledgers_agree_and_are_left_alone(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    async with listening(prover.servers, prover.pool), proving(prover):
        with capture_logs() as logs:
            await finish(log, ALL)
            found = await eventually_agrees(api, log)

    assert (found["correction"], found["differences"], found["was_mended"]) == (0, {}, False)
    assert found["by_status"]["delivered"] == 10
    assert not [each for each in logs if each["event"].startswith("stats.")]
    assert (await reconciled(api, log))["agrees_with_ledger"]


async def test_nothing_is_compared_before_what_the_totals_count_has_been_applied(
    prover: Prover, log: Log, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions stand still before the end, as when one partition is behind the others."""
    await finish(log, ALL)
    async with listening(prover.servers, prover.pool):

        async def has_totals() -> Any:
            return await ledger(api, log)

        await eventually(has_totals, within=120)
        monkeypatch.setattr("services.stats.workers.proving.WAIT_S", 0.5)

        async def behind(_: Connection, __: str) -> dict[int, int]:
            return {0: 0}

        with monkeypatch.context() as patched:
            patched.setattr(proofs, "positions", behind)
            assert not await prover.step()
            assert (await ledger(api, log))["agrees"] is None
            assert (await reconciled(api, log))["agrees_with_ledger"] is None

        async with proving(prover):
            await eventually_agrees(api, log)


@pytest.mark.parametrize("is_late_event_first", [True, False])
async def test_a_late_success_is_no_difference_whichever_comes_first(
    prover: Prover, log: Log, api: httpx.AsyncClient, *, is_late_event_first: bool
) -> None:
    run = log.run
    corrected = run.corrected(1, {DELIVERED: 11, FAILED: 1})
    late = [run.attempted(11, DELIVERED, attempt=2), run.ended(11, DELIVERED, attempts=2)]
    with capture_logs() as logs:
        async with listening(prover.servers, prover.pool), proving(prover):
            await finish(log, ALL)
            await eventually_agrees(api, log)
            if is_late_event_first:
                await log.tell(late)
                await asyncio.sleep(1.5)  # as long as statistics look at it without its correction
                await log.tell([corrected])
            else:
                await log.tell([*late, corrected])

            async def is_corrected() -> bool:
                found = await ledger(api, log)
                return bool(found["correction"] == 1 and found["agrees"])

            await eventually(is_corrected, within=120)

    assert not [each for each in logs if each["event"] == "stats.differs"]
    assert not (await ledger(api, log))["was_mended"]


async def test_older_totals_do_not_replace_newer_ones(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    run = log.run
    async with listening(prover.servers, prover.pool), proving(prover):
        await finish(log, {DELIVERED: 8, FAILED: 4})
        await log.tell([run.corrected(2, ALL), run.corrected(1, {DELIVERED: 9, FAILED: 3})])
        found = await eventually_agrees(api, log)
        await log.tell([run.finished({DELIVERED: 8, FAILED: 4})])
        await asyncio.sleep(1)

    assert found["correction"] == (await ledger(api, log))["correction"] == 2


MISSING = {
    "a message that was delivered": ("messages", "run_id = :run_id AND client_id = :client_id"),
    "a block": ("blocks", "run_id = :run_id AND CAST(:client_id AS uuid) <> ALL(client_ids)"),
    "a chunk": ("chunks", "run_id = :run_id AND client_ids @> ARRAY[CAST(:client_id AS uuid)]"),
}


@pytest.mark.parametrize("what", MISSING)
async def test_a_row_that_was_deleted_is_found_and_mended_once(
    prover: Prover, log: Log, api: httpx.AsyncClient, what: str
) -> None:
    table, where = MISSING[what]
    with capture_logs() as logs:
        async with listening(prover.servers, prover.pool), proving(prover):
            await finish(log, ALL)
            await eventually_agrees(api, log)
            await delete(prover.pool, table, where, run_id=log.run.id, client_id=client(3))

            async def is_mended() -> bool:
                found = await ledger(api, log)
                return bool(found["was_mended"] and found["agrees"])

            await eventually(is_mended, within=120)
            await asyncio.sleep(1)  # again and again it is compared

    events = [each["event"] for each in logs if each["event"].startswith("stats.")]
    assert events == ["stats.differs", "stats.mended"]
    assert (await reconciled(api, log))["reconciles"]
    async with transaction(prover.pool) as db:
        consumers = await db.scalars(text("SELECT DISTINCT consumer FROM offsets"))
        assert list(consumers) == [CONSUMER]


async def test_a_run_of_an_older_release_is_mended_from_the_logs_beginning(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    async with listening(prover.servers, prover.pool), proving(prover):
        await finish(log, ALL)
        await eventually_agrees(api, log)
        async with transaction(prover.pool) as db:
            await db.execute(text("UPDATE runs SET read_from = NULL"))
        await delete(prover.pool, "messages", "client_id = :client_id", client_id=client(3))

        async def is_mended() -> bool:
            found = await ledger(api, log)
            return bool(found["was_mended"] and found["agrees"])

        await eventually(is_mended, within=60)


async def test_counters_that_are_not_what_the_rows_are_get_counted_anew(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    async with listening(prover.servers, prover.pool):
        await finish(log, ALL)
        async with proving(prover):
            await eventually_agrees(api, log)
            async with transaction(prover.pool) as db:
                await db.execute(text("UPDATE runs SET delivered_count = 9, failed_count = 3"))

            async def is_mended() -> bool:
                return bool((await reconciled(api, log))["counted_by_status"]["delivered"] == 10)

            await eventually(is_mended, within=120)


async def test_what_reading_again_does_not_mend_is_said_and_not_read_again_for_ever(
    prover: Prover, log: Log, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Any] = []
    monkeypatch.setattr(telemetry, "measure", lambda *named, **_labels: measured.append(named))
    with capture_logs() as logs:
        async with listening(prover.servers, prover.pool), proving(prover):
            await finish(log, ALL, missing=[3])

            async def is_known() -> Any:
                found = await ledger(api, log)
                return (
                    found if found and found["was_mended"] and found["agrees"] is False else None
                )

            found = await eventually(is_known, within=120)
            await asyncio.sleep(2)

    assert found["differences"] == {"delivered": -1, "planned": 1}
    assert not (await reconciled(api, log))["reconciles"]
    mended = [each for each in logs if each["event"] == "stats.mended"]
    assert len(mended) == 1
    assert ("stats.runs.differing", 1) in measured


async def test_mending_that_a_crash_broke_off_goes_on(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    class Killed(BaseException):
        pass

    def dying(run_id: UUID) -> Handlers:
        handlers = subscriptions_of(run_id)

        async def die(_: Connection, __: Sequence[Received[Any]]) -> None:
            raise Killed

        return dict.fromkeys(handlers, die)

    async with listening(prover.servers, prover.pool):
        await finish(log, ALL)
        async with proving(prover):
            await eventually_agrees(api, log)
        await delete(prover.pool, "messages", "client_id = :client_id", client_id=client(3))
        first = Prover(prover.pool, prover.servers, CONSUMER, dying, mender)
        with pytest.raises(Killed):
            await forever("prove", first.step, every=timedelta(milliseconds=50))
        assert not (await ledger(api, log))["agrees"]

        async with proving(prover):
            await eventually_agrees(api, log)

    assert (await reconciled(api, log))["reconciles"]


async def test_a_run_is_read_again_from_where_it_began(
    prover: Prover, log: Log, api: httpx.AsyncClient
) -> None:
    before = await kafka.ends(prover.servers, subscriptions_of(log.run.id))
    async with listening(prover.servers, prover.pool), proving(prover):
        await finish(log, ALL)
        await eventually_agrees(api, log)

    async with transaction(prover.pool) as db:
        query = text("SELECT read_from FROM runs WHERE run_id = :run_id")
        read_from = await db.scalar(query, {"run_id": log.run.id})
    began = {f"{each.topic}/{each.partition}": at for each, at in before.items()}
    assert began.items() <= read_from.items()
