"""A run leaves as a whole some time after its end: first its figures for good, then its rows."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatcher import workers
from services.dispatcher.domain.contact import Rejection
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers import archiving as handlers
from services.dispatcher.handlers.archiving import (
    Archived,
    Emptying,
    Retention,
    archive,
    archive_due,
)
from services.dispatcher.handlers.events import Publishing, put_run_events, run_events
from services.dispatcher.handlers.reconciling import reconcile_rejected
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import adopting, archiving, planning
from services.dispatcher.queue.archiving import SLICES
from services.dispatcher.queue.reconciling import lock_messages
from services.dispatcher.queue.totals import Figures, correct_finished, figures_of
from shared import telemetry
from shared.contracts.dispatcher import RunArchived, RunCorrected, State
from shared.database import Connection, Pool, transaction
from shared.testing import eventually, small_slices
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    reap_all,
    work,
)

A_MOMENT_S = 0.5  # in which what does not wait would long be over
FINISHED_AT = "SELECT finished_at FROM runs WHERE run_id = :run_id"
DAY = timedelta(days=1)


async def finished(world: World, clients: int = 6) -> Run:
    """Return a finished run with messages of all kinds: in blocks, tried again, lost, refused."""
    run = await world.plan(clients)
    gateway = FakeGateway({
        1: [REFUSED],
        2: [NOT_PROCESSED],
        3: [UNKNOWN],
        4: [NOT_PROCESSED, NOT_PROCESSED, REFUSED],
    })  # fmt: skip
    sender = await alive(world, gateway)
    for _ in range(4):
        await work(sender)
        await world.pass_time(timedelta(minutes=1))
    await world.end()
    assert await run.status() == "finished"
    return run


async def archive_all(world: World) -> Archived:
    return await archive(world.pool, await world.now())


async def empty(pool: Pool) -> None:
    emptying = Emptying(pool)
    while await emptying.delete_slice():
        pass


async def rows(world: World, run: Run) -> dict[str, int]:
    return {
        each.table: await world.value(
            f"SELECT count(*) FROM {each.table} WHERE run_id = :run_id", run_id=run.run_id
        )
        for each in SLICES.tables
    }


def die_behind(dying: pytest.MonkeyPatch, statement: int, died: type[BaseException]) -> None:
    """Let the process die behind so many statements of transactions."""
    execute, left = AsyncConnection.execute, [statement]

    async def counted(self: AsyncConnection, *arguments: Any, **named: Any) -> Any:
        result = await execute(self, *arguments, **named)
        left[0] -= 1
        if left[0] == 0:
            raise died
        return result

    dying.setattr(AsyncConnection, "execute", counted)


async def archived_events(world: World) -> list[RunArchived]:
    return [each for each in await told(world.pool) if isinstance(each, RunArchived)]


async def test_an_archived_run_has_its_figures_for_good_and_loses_its_rows(world: World) -> None:
    run = await finished(world)

    assert await archive_all(world) == Archived(runs=1, messages=6)
    await prove(world.pool)
    await empty(world.pool)

    assert await run.status() == "archived"
    assert set((await rows(world, run)).values()) == {0}
    [event] = await archived_events(world)
    assert event.totals == {State.DELIVERED: 4, State.FAILED: 2}
    assert event.attempts == 1 + 2 + 2 + 3 + 1 + 1
    assert await world.value("SELECT emptied_at IS NOT NULL FROM runs")


async def test_only_runs_that_finished_before_the_instant_are_archived_oldest_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await finished(world)
    await world.pass_time(DAY)
    newer = await finished(world)
    between = await world.now() - HOUR

    assert await archive(world.pool, between) == Archived(runs=1, messages=6)

    assert (await old.status(), await newer.status()) == ("archived", "finished")
    monkeypatch.setattr(handlers, "MESSAGES_AT_ONCE", 6)
    newest = await finished(world)
    assert await archive_all(world) == Archived(runs=1, messages=6)
    assert (await newer.status(), await newest.status()) == ("archived", "finished")


async def test_a_run_that_is_sending_is_never_archived(world: World) -> None:
    run = await world.plan(2)

    assert await archive(world.pool, await world.now() + DAY) == Archived()

    assert await run.status() == "sending"


async def left_behind(world: World, *, is_idempotent: bool = True) -> tuple[Run, Sender]:
    """Return a finished run, and a sender taken for dead that has requests of it under way."""
    run = await world.plan(2)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    gateway.is_hanging = True
    zombie = await alive(world, gateway)
    await fetch(zombie)
    await reap_all(world)
    await world.pass_time(HOUR)
    await world.end()
    assert await run.status() == "finished"
    return run, zombie


async def record(zombie: Sender, *answers: tuple[int, Verdict]) -> None:
    """Let the answers of clients come, and record them."""
    assert isinstance(zombie.gateway, FakeGateway)
    for number, verdict in answers:
        zombie.gateway.answer(number, verdict)
    while await zombie.record():
        pass


async def test_the_figures_come_behind_all_corrections(world: World) -> None:
    _, zombie = await left_behind(world)
    await record(zombie, (1, ACCEPTED))
    assert [each for each in await told(world.pool) if isinstance(each, RunCorrected)]

    await archive_all(world)

    [event] = await archived_events(world)
    assert event.totals == {State.DELIVERED: 1, State.UNDETERMINED: 1}


@pytest.mark.parametrize("is_empty", [False, True])
@pytest.mark.parametrize("verdict", [ACCEPTED, REFUSED, UNKNOWN])
@pytest.mark.parametrize("is_idempotent", [False, True])
async def test_what_comes_after_a_run_was_archived_is_dropped_and_counted(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    *,
    is_empty: bool,
    is_idempotent: bool,
) -> None:
    counted = Counter[str]()
    monkeypatch.setattr(telemetry, "count", lambda name, n, **_: counted.update({name: n}))
    run, zombie = await left_behind(world, is_idempotent=is_idempotent)
    await archive_all(world)
    if is_empty:
        await empty(world.pool)
    before, events = await rows(world, run), await told(world.pool)

    await record(zombie, (1, verdict), (2, verdict))

    assert counted["dispatcher.results.dropped"] == 2
    assert len(zombie.results) == 0
    assert await rows(world, run) == before
    assert await told(world.pool) == events
    await empty(world.pool)


async def test_a_run_that_somebody_writes_keeps_no_other_from_leaving(world: World) -> None:
    written, other = await finished(world), await finished(world)
    await world.pass_time(DAY)
    async with transaction(world.pool) as db:
        await lock_messages(
            db, {MessageKey(written.run_id, client(1)): ChunkKey(written.run_id, 0)}
        )

        assert await archive_due(Retention(world.pool, HOUR))

    assert (await written.status(), await other.status()) == ("finished", "archived")


async def test_what_comes_late_beside_a_run_that_goes_on_is_recorded(world: World) -> None:
    """One batch with results of an archived run and of another loses nothing of the other."""
    run, zombie = await left_behind(world)
    for _ in range(2):  # it finds that its lease is lost, and registers anew
        await zombie.renew()
    other = await world.plan(2)
    await fetch(zombie)
    await archive_all(world)

    gateway = zombie.gateway
    assert isinstance(gateway, FakeGateway)
    gateway.answer_all(ACCEPTED)
    while await zombie.record():
        pass
    await world.end()

    assert (await run.status(), await other.status()) == ("archived", "finished")
    async with transaction(world.pool) as db:
        assert (await figures_of(db, other.run_id)).totals == {State.DELIVERED: 2}


async def test_a_rejection_of_an_archived_run_changes_nothing(world: World) -> None:
    run = await finished(world)
    await archive_all(world)
    before, events = await rows(world, run), await told(world.pool)
    rejection = Rejection(State.CANCELLED, "client_removed")
    late = Rejected(MessageKey(run.run_id, client(1)), ChunkKey(run.run_id, 0), rejection)

    async with transaction(world.pool) as db:
        publishing = {run.run_id: Publishing(None, is_by_chunk=True)}
        await reconcile_rejected(db, [late], publishing, await world.now())

    assert (await rows(world, run), await told(world.pool)) == (before, events)


async def test_a_run_of_which_something_is_leased_stays(world: World) -> None:
    run = await finished(world)
    holder = UUID(int=1)
    for table in ("chunks", "exceptions"):
        lease = f"UPDATE {table} SET sender_id = :holder RETURNING 1"
        await world.rows(lease, holder=holder)
        assert await archive_all(world) == Archived()
        async with transaction(world.pool) as db:
            assert await archiving.hold_run(db, run.run_id) is None
        await world.rows(lease, holder=None)

    assert await archive_all(world) == Archived(runs=1, messages=6)


async def test_a_run_that_somebody_writes_stays_and_waits_for_nobody(world: World) -> None:
    run, zombie = await left_behind(world)
    async with transaction(world.pool) as db:
        await lock_messages(db, {MessageKey(run.run_id, client(1)): ChunkKey(run.run_id, 0)})
        async with asyncio.timeout(A_MOMENT_S):
            assert await archive_all(world) == Archived()
    async with transaction(world.pool) as db:
        await correct_finished(db, [run.run_id])
        async with asyncio.timeout(A_MOMENT_S):
            assert await archive_all(world) == Archived()
        await db.rollback()
    assert await run.status() == "finished"

    await record(zombie, (1, ACCEPTED), (2, ACCEPTED))
    await archive_all(world)
    [event] = await archived_events(world)
    assert event.totals == {State.DELIVERED: 2}


async def test_a_result_that_comes_while_the_figures_are_counted_is_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, zombie = await left_behind(world)
    tasks: list[asyncio.Task[None]] = []

    async def count_beside_a_result(db: Connection, run_id: UUID) -> Figures:
        tasks.append(asyncio.create_task(record(zombie, (1, ACCEPTED))))
        done, _ = await asyncio.wait(tasks, timeout=A_MOMENT_S)
        assert not done
        return await figures_of(db, run_id)

    monkeypatch.setattr(handlers, "figures_of", count_beside_a_result)
    assert await archive_all(world) == Archived(runs=1, messages=2)
    await asyncio.gather(*tasks)

    [event] = await archived_events(world)
    assert event.totals == {State.UNDETERMINED: 2}


async def test_two_archive_each_run_once(world: World) -> None:
    runs = [await finished(world) for _ in range(3)]

    done = await asyncio.gather(*(archive_all(world) for _ in range(3)))

    assert sum(each.runs for each in done) == 3
    assert len(await archived_events(world)) == len(runs)


async def test_rows_go_slice_by_slice_and_no_slice_is_large(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", 2)
    run = await finished(world, 12)
    other = await finished(world, 12)
    await world.rows("""
        INSERT INTO starts  -- as a plain gateway's sender leaves them
        SELECT run_id, chunk, epoch, 1, 1, B'11', due_at FROM chunks RETURNING 1
    """)
    kept = await rows(world, other)
    assert all(kept.values())
    await archive(world.pool, await world.value(FINISHED_AT, run_id=run.run_id))
    monkeypatch.setattr(archiving, "SLICES", small_slices(SLICES, 2))
    emptying, left = Emptying(world.pool), await rows(world, run)
    slices, count_before = 0, sum(left.values())

    while await emptying.delete_slice():
        before, left = left, await rows(world, run)
        changed = [name for name in left if left[name] != before[name]]
        assert len(changed) <= 1
        assert all(0 < before[name] - left[name] <= 2 for name in changed)
        slices += 1

    assert slices > count_before / 2
    assert not any(left.values())
    assert await rows(world, other) == kept
    assert await world.value(
        "SELECT emptied_at IS NOT NULL FROM runs WHERE run_id = :id", id=run.run_id
    )


async def test_what_dies_in_the_middle_goes_on_where_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", 2)
    run = await finished(world, 12)
    monkeypatch.setattr(archiving, "SLICES", small_slices(SLICES, 2))

    class Died(BaseException):
        """The process ends here."""

    for statement in count(1):  # of archiving: behind each of its statements
        with monkeypatch.context() as dying, suppress(Died):
            die_behind(dying, statement, Died)
            await archive_all(world)
            break
        assert await run.status() == "finished"
        assert not await archived_events(world)
        await prove(world.pool)
    assert await run.status() == "archived"
    assert statement > 5

    while any((await rows(world, run)).values()):
        emptying = Emptying(world.pool)  # of a process that has just begun
        with monkeypatch.context() as dying, suppress(Died):
            die_behind(dying, 2, Died)
            await emptying.delete_slice()
        assert await emptying.delete_slice()
        await prove(world.pool)
    await empty(world.pool)
    assert await world.value("SELECT emptied_at IS NOT NULL FROM runs")
    assert len(await archived_events(world)) == 1


async def test_two_replicas_empty_a_run_without_waiting_for_each_other(world: World) -> None:
    run = await finished(world)
    await archive_all(world)
    async with transaction(world.pool) as db:
        assert await archiving.next_emptying(db) == run.run_id

        async with asyncio.timeout(A_MOMENT_S):
            assert not await Emptying(world.pool).delete_slice()
    await empty(world.pool)


async def test_a_run_is_emptied_only_when_nothing_of_it_is_left(world: World) -> None:
    """What an older release still writes of it is found, too."""
    run = await finished(world)
    await archive_all(world)
    emptying = Emptying(world.pool)
    while any((await rows(world, run)).values()):
        await emptying.delete_slice()
    await world.rows(
        "INSERT INTO attempts (run_id, client_id, attempt, kind, started_at)"
        " VALUES (:run_id, :client_id, 1, 'start', now()) RETURNING 1",
        run_id=run.run_id,
        client_id=client(1),
    )

    while await emptying.delete_slice():
        pass

    assert not any((await rows(world, run)).values())
    assert await world.value("SELECT emptied_at IS NOT NULL FROM runs")


async def test_a_run_that_cannot_be_archived_keeps_no_other_from_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = await finished(world), await finished(world)

    async def fail(db: Connection, run_id: UUID) -> Figures:
        if run_id == broken.run_id:
            raise ValueError
        return await figures_of(db, run_id)

    with monkeypatch.context() as patched:
        patched.setattr(handlers, "figures_of", fail)
        assert await archive_all(world) == Archived(runs=1, messages=6)
        assert await archive_all(world) == Archived()  # it is passed over for a while
    assert (await broken.status(), await other.status()) == ("finished", "archived")

    await world.pass_time(HOUR)
    assert await archive_all(world) == Archived(runs=1, messages=6)
    assert not await world.value("SELECT count(*) FROM set_aside")


async def test_the_worker_archives_what_was_kept_long_enough_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ARCHIVE_INTERVAL", timedelta(milliseconds=10))
    monkeypatch.setattr(workers, "ARCHIVE_PAUSE_S", 0.001)
    old = await finished(world)
    await world.pass_time(DAY)
    newer = await finished(world)

    async def is_empty() -> bool:
        return not any((await rows(world, old)).values())

    working = asyncio.create_task(workers.archive_runs(Retention(world.pool, DAY)))
    await eventually(is_empty, within=120)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    assert (await old.status(), await newer.status()) == ("archived", "finished")


async def test_runs_are_kept_for_ever_if_nothing_else_is_said(world: World) -> None:
    run = await finished(world)
    await world.pass_time(100 * DAY)

    assert not await archive_due(Retention(world.pool, None))

    assert await run.status() == "finished"


@pytest.mark.parametrize("is_idempotent", [False, True])
async def test_leases_of_a_run_that_the_log_says_is_archived_are_reaped_without_a_trace(
    world: World, *, is_idempotent: bool
) -> None:
    """A ledger was restored from the middle of a run; the senders of that time are dead."""
    run = await world.plan(2)
    gateway = FakeGateway({1: [None], 2: [None]}, is_idempotent=is_idempotent)
    await fetch(await alive(world, gateway))
    now = await world.now()
    event = RunArchived(
        run_id=run.run_id,
        mailing_id=run.mailing_id,
        totals={State.PLANNED: 2},
        attempts=0,
        archived_at=now,
    )
    async with transaction(world.pool) as db:
        await adopting.advance_run(db, event)
        await put_run_events(db, run_events(run.run_id, None, [(99, event)], now))
    before = await told(world.pool)

    await reap_all(world)
    await world.end()
    other = await alive(world, FakeGateway())
    await work(other)

    assert await told(world.pool) == before
    assert not await world.value("SELECT count(*) FROM chunks WHERE sender_id IS NOT NULL")
    await empty(world.pool)
    assert not any((await rows(world, run)).values())


async def test_an_archived_run_is_never_corrected(world: World) -> None:
    run = await finished(world)
    await archive_all(world)
    before = await told(world.pool)

    async with transaction(world.pool) as db:
        assert await correct_finished(db, [run.run_id]) == []

    assert await told(world.pool) == before
