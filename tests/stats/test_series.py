"""The series of a run: its points add up to its figures, whatever happens."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import text

from services.stats.domain.series import LARGEST
from services.stats.handlers.broadcasting import Broadcast
from services.stats.handlers.reading import PublicReads
from services.stats.projections import counts
from services.stats.queue import generations, series
from services.stats.routes import routers
from services.stats.subscriptions import CONSUMER, mender, subscriptions_of
from services.stats.workers.emptying import Emptier
from services.stats.workers.proving import Prover
from shared import database, http
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    MessageEvent,
    MessagesDelivered,
    State,
)
from shared.database import Pool, transaction
from shared.event import Event
from shared.testing import received
from tests.stats.story import MAILING, NOON, Run, apply, key

run, other = Run(), Run(UUID(int=0xB << 124))
HOUR = timedelta(hours=1)


def at(seconds: float, event: MessageEvent) -> MessageEvent:
    """Return an event that happened so long after noon."""
    return msgspec.structs.replace(event, at=NOON + timedelta(seconds=seconds))


def block(chunk: int, clients: Sequence[int], *ended: float) -> MessagesDelivered:
    """Return a block whose messages were delivered so many seconds after noon."""
    durations = [round(each * 1_000_000) for each in ended]
    starts = [0] * len(durations)
    return msgspec.structs.replace(run.block(chunk, clients), starts=starts, durations=durations)


# Blocks over several seconds, retries that go on, a failure that a late success takes back, and a
# message that was delivered in a block and had another event later.
STORY: list[Event] = [
    run.scheduled(),
    run.planned(0, range(8)),
    run.planned(1, range(8, 12)),
    block(0, range(5), 0.2, 0.999_999, 1.0, 1.5, 3.7),
    at(9, run.attempted(1, State.DELIVERED, attempt=2, version=DELIVERED_VERSION + 2, chunk=0)),
    at(2, run.attempted(5, State.RETRY, chunk=0)),
    at(5, run.attempted(5, State.DELIVERED, attempt=2, chunk=0)),
    at(2, run.attempted(6, State.RETRY, chunk=0)),
    at(4, run.ended(7, State.FAILED, version=3)),
    at(90, run.attempted(7, State.DELIVERED, attempt=2)),
    block(1, (8, 9), 0.5, 4_000),
    at(60, run.ended(10, State.EXPIRED, attempts=0, version=1)),
    at(60, run.ended(11, State.SUPPRESSED, attempts=0, version=1)),
]
# Of the story at its end: how many messages are in a state since which second.
POINTS = {
    ("delivered", 0): 2,
    ("delivered", 1): 2,
    ("delivered", 3): 1,
    ("delivered", 5): 1,
    ("delivered", 9): 1,
    ("delivered", 90): 1,
    ("delivered", 4_000): 1,
    ("retry", 2): 1,
    ("expired", 60): 1,
    ("suppressed", 60): 1,
}


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    reads = PublicReads(stats_pool, Broadcast(largest=1, largest_of_address=1), shared_s=0)
    app.state.public_reads = reads
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://stats") as client:
        yield client


async def series_of(api: httpx.AsyncClient, **parameters: object) -> Any:
    asked = {name: str(value) for name, value in parameters.items()}
    answer = await api.get(f"/public/v1/mailings/{MAILING}/series", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def points(shown: Any) -> dict[tuple[str, int], int]:
    """Return what an answer says by state and second after noon."""
    return {
        (state, round((msgspec.convert(at, type(NOON)) - NOON).total_seconds())): count
        for state, column in shown["by_status"].items()
        for at, count in zip(shown["at"], column, strict=True)
        if count
    }


async def rows(pool: Pool, generation: int | None = None) -> set[tuple[Any, ...]]:
    """Return all rows that say something, without their generation."""
    query = "SELECT * FROM series WHERE generation = :generation"
    async with transaction(pool) as db:
        of = generation or await generations.current(db)
        found = (await db.execute(text(query), {"generation": of})).all()
    return {tuple(row)[1:] for row in found if any(row[4:])}


async def test_each_message_counts_when_it_reached_the_state_that_it_is_in(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, STORY, by=3)
    shown = await series_of(api, step="10s")
    by_ten: Counter[tuple[str, int]] = Counter()
    for (state, second), count in POINTS.items():
        by_ten[state, second // 10 * 10] += count
    assert points(shown) == by_ten
    assert (shown["run_id"], shown["step_s"], shown["is_complete"]) == (str(run.id), 10, True)


async def test_points_add_up_to_the_figures(stats_pool: Pool, api: httpx.AsyncClient) -> None:
    await apply(stats_pool, STORY)
    for step in ("1s", "10s", "60s"):
        shown = await series_of(api, step=step)
        figures = (await api.get(f"/v1/runs/{run.id}")).json()["by_status"]
        sums = {state: sum(column) for state, column in shown["by_status"].items()}
        assert sums == {state: count for state, count in figures.items() if state != "planned"}


@pytest.mark.parametrize("seed", range(12))
async def test_it_is_the_same_in_any_order_and_batches_however_often_events_come(
    stats_pool: Pool, seed: int
) -> None:
    await apply(stats_pool, STORY)
    expected = await rows(stats_pool)
    chance = random.Random(seed)  # noqa: S311 - a test
    shuffled = chance.sample([*STORY, *chance.sample(STORY, 5)], len(STORY) + 5)
    async with transaction(stats_pool) as db:
        generation = await generations.begin(db)
    while shuffled:
        size = chance.randint(1, 6)
        batch, shuffled = shuffled[:size], shuffled[size:]
        async with transaction(stats_pool) as db:
            events = [received(each, key(each)) for each in batch]
            await counts.project(db, generation, events, consumer=CONSUMER)
    assert await rows(stats_pool, generation) == expected


async def test_counted_anew_it_is_the_same(stats_pool: Pool) -> None:
    await apply(stats_pool, STORY, by=2)
    before = await rows(stats_pool)
    async with transaction(stats_pool) as db:
        await series.recount(db, run.id)
    assert await rows(stats_pool) == before


@pytest.mark.parametrize(
    ("took", "step_s"),
    [(LARGEST - 1, 1), (LARGEST, 10), (12_000, 60), (timedelta(days=1).total_seconds(), 600)],
)
async def test_there_are_only_so_many_points_however_long_a_run_takes(
    stats_pool: Pool, api: httpx.AsyncClient, took: float, step_s: int
) -> None:
    ended = [at(took * n / 99, run.ended(n, State.DELIVERED)) for n in range(100)]
    await apply(stats_pool, [run.planned(0, range(100)), *ended])
    shown = await series_of(api)
    assert (shown["step_s"], sum(points(shown).values())) == (step_s, 100)


async def test_a_step_may_be_longer_than_needed(stats_pool: Pool, api: httpx.AsyncClient) -> None:
    await apply(stats_pool, [block(0, range(3), 1, 59, 61)])
    await apply(stats_pool, [run.scheduled()])
    shown = await series_of(api, step="60s")
    assert points(shown) == {("delivered", 0): 2, ("delivered", 60): 1}


async def test_who_asks_gets_the_newest_run_or_the_one_that_is_named(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*STORY, other.scheduled(), other.block(0, range(3))])
    assert (await series_of(api))["run_id"] == (await series_of(api, run_id=run.id))["run_id"]
    path = f"/public/v1/mailings/{MAILING}/series"
    for unknown, problem in ((other.id, "RunUnknown"), (UUID(int=1), "RunUnknown")):
        answer = await api.get(path, params={"run_id": str(unknown)})
        assert (answer.status_code, answer.json()["type"]) == (404, problem)
    nobody = await api.get(f"/public/v1/mailings/{UUID(int=1)}/series")
    assert (nobody.status_code, nobody.json()["type"]) == (404, "MailingUnknown")


async def test_a_run_without_messages_has_no_points(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [run.scheduled()])
    shown = await series_of(api)
    assert (shown["at"], shown["step_s"], shown["is_complete"]) == ([], 1, True)


async def test_of_an_archived_run_figures_stay_and_its_series_goes(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, STORY)
    await apply(stats_pool, [run.archived({State.DELIVERED: 12}, 12)])
    answer = await api.get(f"/public/v1/mailings/{MAILING}/series")
    assert (answer.status_code, answer.json()["type"]) == (410, "SeriesDeleted")
    emptier = Emptier(stats_pool, rest=0)
    while await emptier.step():
        pass
    assert await rows(stats_pool) == set()


async def test_what_another_release_has_counted_is_told_and_added_when_it_is_proved(
    stats_pool: Pool, api: httpx.AsyncClient, kafka: str, from_here: Any
) -> None:
    totals = Counter[State]()
    for (state, _), count in POINTS.items():
        totals[State(state)] += count
    totals[State.PLANNED] = 1
    await from_here(stats_pool, CONSUMER)
    await apply(stats_pool, [*STORY, run.finished(totals)])
    before = await rows(stats_pool)
    async with transaction(stats_pool) as db:
        await db.execute(text("DELETE FROM series WHERE at % 2 = 0"))
    assert (await series_of(api))["is_complete"] is False
    prover = Prover(stats_pool, kafka, CONSUMER, subscriptions_of, mender)
    await prover.step()
    assert await rows(stats_pool) == before
    assert (await series_of(api))["is_complete"] is True


async def test_it_says_nothing_of_persons(stats_pool: Pool) -> None:
    """So nothing of it has to go when a client is erased."""
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'series'"
    async with transaction(stats_pool) as db:
        names = set(await db.scalars(text(query)))
    assert names == {"generation", "run_id", "step", "at", *counts.COUNTS}
