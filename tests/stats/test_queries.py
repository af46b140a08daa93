"""The messages behind each figure, found page by page; and a proof that finds what is wrong."""

from operator import attrgetter
from uuid import UUID

import pytest
from sqlalchemy import text

from services.stats.queries import figures, messages, proof
from services.stats.queries.messages import (
    BOUNDS,
    START,
    Bounds,
    MessageView,
    Place,
    Wanted,
)
from shared.contracts.dispatcher import DELIVERED_VERSION, State
from shared.database import Pool, transaction
from shared.event import Event
from tests.stats.story import Run, apply, client

run = Run()
other = Run(UUID(int=0xB << 124))
third = Run(UUID(int=0xD << 124))
READ_LIMIT = 1_000  # pages


async def pages(
    pool: Pool, wanted: Wanted, limit: int = 3, bounds: Bounds = BOUNDS
) -> list[list[MessageView]]:
    """Return all pages of what is wanted."""
    place: Place | None = START
    found: list[list[MessageView]] = []
    while place is not None:
        assert len(found) < READ_LIMIT
        async with transaction(pool) as db:
            page = await messages.page(db, wanted, place, limit, bounds=bounds)
        assert len(page.items) <= limit
        place = None if page.rest is None else Place.read(str(page.rest))
        found.append(page.items)
    return found


async def numbers(pool: Pool, wanted: Wanted, limit: int = 3) -> list[tuple[UUID, UUID]]:
    return [(m.run_id, m.client_id) for page in await pages(pool, wanted, limit) for m in page]


@pytest.fixture
def story() -> list[Event]:
    return [
        *(run.scheduled(), run.planned(0, range(6)), run.planned(1, range(6, 12))),
        *(other.scheduled(), other.planned(0, range(4))),
        *(run.ended(each, State.DELIVERED) for each in (0, 1, 2, 3, 7)),
        *(run.ended(each, State.FAILED) for each in (4, 8)),
        *(run.attempted(each, State.RETRY) for each in (9, 10)),
        *(other.ended(each, State.DELIVERED) for each in (1, 2)),
        *(third.planned(each, range(20 + 6 * each, 26 + 6 * each)) for each in range(3)),
        *(third.block(0, (20, 22, 25)), third.block(0, (21, 23), number=2)),
        *(third.block(2, (33, 32, 37), epoch=3), third.ended(34, State.FAILED)),
        third.attempted(33, State.DELIVERED, attempt=2, version=DELIVERED_VERSION + 2, chunk=2),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("status", [*State, None])
async def test_the_messages_behind_a_figure_are_as_many_as_it_says(
    stats_pool: Pool, story: list[Event], status: State | None, limit: int
) -> None:
    await apply(stats_pool, story)

    for run_id in (run.id, other.id, third.id):
        found = await numbers(stats_pool, Wanted(run_id=run_id, status=status), limit)

        async with transaction(stats_pool) as db:
            view = await figures.run(db, run_id)
        expected = view.planned if status is None else getattr(view.by_status, status)
        assert len(found) == len(set(found)) == expected
        assert all(of == run_id for of, _ in found)


async def test_a_page_of_a_mailing_shows_its_own_messages_only(
    stats_pool: Pool, story: list[Event]
) -> None:
    await apply(stats_pool, story)

    found = await numbers(stats_pool, Wanted(mailing_id=other.mailing_id))

    assert sorted(found) == [(other.id, client(each)) for each in range(4)]


async def test_without_a_filter_all_messages_of_all_runs_are_shown(
    stats_pool: Pool, story: list[Event]
) -> None:
    await apply(stats_pool, story)

    assert len(set(await numbers(stats_pool, Wanted()))) == 34


async def test_a_rare_state_is_found_page_by_page_in_bounded_steps(
    stats_pool: Pool,
) -> None:
    bounds = Bounds(runs=1, chunks=2, rows=10)
    lost = [run.ended(each, State.FAILED) for each in range(60) if each not in (30, 59)]
    chunks = [run.planned(each, range(10 * each, 10 * each + 10)) for each in range(8)]
    early = [run.ended(each, State.FAILED) for each in range(60, 80) if each != 61]
    found = [run.ended(each, State.DELIVERED) for each in (30, 59)]
    await apply(stats_pool, [*chunks, *lost, *early, *found])

    delivered = await pages(stats_pool, Wanted(status=State.DELIVERED), 50, bounds)
    planned = await pages(stats_pool, Wanted(status=State.PLANNED), 50, bounds)

    assert [m.client_id for page in delivered for m in page] == [client(30), client(59)]
    assert [m.client_id for page in planned for m in page] == [client(61)]
    assert len(delivered) > 2
    assert len(planned) > 2


@pytest.mark.parametrize("status", [State.PLANNED, State.DELIVERED])
async def test_all_runs_of_a_page_share_what_it_may_look_at(
    stats_pool: Pool, status: State
) -> None:
    runs = sorted((run, other), key=attrgetter("id"))
    for each in runs:
        planned, delivered = each.planned(0, [1, 2]), each.ended(2, State.DELIVERED)
        await apply(stats_pool, [planned, delivered])

    found = await pages(stats_pool, Wanted(status=status), 50, Bounds(chunks=1, rows=1))

    shown = [[m.run_id for m in page] for page in found if page]
    assert shown == [[each.id] for each in runs]


@pytest.mark.parametrize(("known", "runs"), [(1, 20), (2, 20), (3, 20), (50, 1), (50, 2)])
@pytest.mark.parametrize("status", [*State, None])
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_a_page_looks_through_so_many_runs_and_goes_on_with_the_next(
    stats_pool: Pool, story: list[Event], status: State | None, limit: int, known: int, runs: int
) -> None:
    await apply(stats_pool, [*story, other.attempted(3, State.RETRY)])
    bounds = Bounds(known_runs=known, runs=runs)

    bounded = await pages(stats_pool, Wanted(status=status), limit, bounds)
    every = await pages(stats_pool, Wanted(status=status), 1_000)

    shown = [(m.run_id, m.client_id) for page in bounded for m in page]
    assert shown == [(m.run_id, m.client_id) for page in every for m in page]
    assert len(shown) == len(set(shown))


async def test_the_last_chunk_is_shown_first_for_sending_begins_with_the_first(
    stats_pool: Pool, story: list[Event]
) -> None:
    await apply(stats_pool, story)

    found = await numbers(stats_pool, Wanted(run_id=run.id, status=State.PLANNED))

    assert [at for _, at in found] == [client(6), client(11), client(5)]


async def test_the_proof_holds(stats_pool: Pool, story: list[Event]) -> None:
    await apply(stats_pool, story)

    async with transaction(stats_pool) as db:
        view = await proof.reconcile(db, run_id=None, mailing_id=None)
        one = await proof.reconcile(db, run_id=run.id, mailing_id=None)

    assert view.reconciles
    assert {each.run_id for each in view.runs} == {run.id, other.id, third.id}
    assert all(each.planned == each.sum_of_statuses for each in view.runs)
    assert [each.run_id for each in one.runs] == [run.id]
    assert one.runs[0].planned == 12
    assert one.runs[0].rows_by_status.planned == 3


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM messages WHERE state = 'delivered'",
        "UPDATE messages SET state = 'expired' WHERE state = 'failed'",
        "UPDATE messages SET attempts = attempts + 1",
        "UPDATE runs SET delivered_count = delivered_count + 1",
        "UPDATE runs SET planned_count = planned_count + 1",
        "UPDATE runs SET attempt_count = attempt_count - 1",
        "UPDATE runs SET expected_count = 13",
        "DELETE FROM chunks WHERE chunk = 1",
        "UPDATE messages SET client_id = gen_random_uuid() WHERE state = 'retry'",
    ],
)
async def test_the_proof_finds_what_is_wrong(
    stats_pool: Pool, story: list[Event], damage: str
) -> None:
    await apply(stats_pool, [*story, run.expanded(12)])

    async with transaction(stats_pool) as db:
        await db.execute(text(damage))
        view = await proof.reconcile(db, run_id=run.id, mailing_id=None)

    assert not view.reconciles


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM blocks WHERE number = 2",
        "UPDATE blocks SET client_ids = client_ids[1:2] WHERE chunk = 2",
        "UPDATE blocks SET client_ids[1] = gen_random_uuid()",
        "DELETE FROM messages WHERE is_in_block",
    ],
)
async def test_the_proof_finds_what_is_wrong_with_blocks(
    stats_pool: Pool, story: list[Event], damage: str
) -> None:
    await apply(stats_pool, [*story, third.expanded(18)])

    async with transaction(stats_pool) as db:
        before = await proof.reconcile(db, run_id=third.id, mailing_id=None)
        await db.execute(text(damage))
        view = await proof.reconcile(db, run_id=third.id, mailing_id=None)

    assert before.reconciles
    assert not view.reconciles


async def test_totals_are_the_sums_of_all_runs(stats_pool: Pool, story: list[Event]) -> None:
    await apply(stats_pool, story)

    async with transaction(stats_pool) as db:
        totals = await figures.totals(db)

    assert (totals.mailings, totals.runs, totals.planned, totals.attempts) == (3, 3, 34, 21)
    assert sum(totals.by_status.model_dump().values()) == totals.planned
    assert totals.by_status.delivered == 15
    assert totals.by_status.planned == 14
