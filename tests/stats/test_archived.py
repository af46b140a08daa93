"""An archived run has the figures of its event, whatever else is heard of it, and no rows."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.stats.projections import counts
from services.stats.queue import emptying
from services.stats.routes import routers
from services.stats.subscriptions import CONSUMER
from services.stats.workers.emptying import Emptier
from shared import database, http
from shared.contracts.dispatcher import DELIVERED_VERSION, MESSAGES, State
from shared.database import Pool, transaction
from shared.event import Event
from shared.testing import received, small_slices
from tests.stats.story import ARCHIVED_AT, Run, apply, key

run = Run()
other = Run(UUID(int=0xB << 124))
TOTALS = {State.DELIVERED: 9, State.FAILED: 2, State.CANCELLED: 1}
FIGURES = dict.fromkeys(State, 0) | TOTALS


def finished() -> list[Event]:
    """Return all that was heard of a run until its end, with blocks, retries, a late success."""
    return [
        run.scheduled(),
        run.planned(0, range(8)),
        run.planned(1, range(8, 12)),
        run.expanded(12),
        run.block(0, range(6)),
        run.attempted(2, State.DELIVERED, attempt=2, version=DELIVERED_VERSION + 2, chunk=0),
        run.attempted(6, State.RETRY, chunk=0),
        run.attempted(6, State.DELIVERED, attempt=2, chunk=0),
        run.attempted(7, State.FAILED, chunk=0),
        run.ended(7, State.FAILED, version=3),
        run.block(1, (8, 9)),
        run.ended(10, State.FAILED, attempts=0, version=1),
        run.ended(11, State.CANCELLED, attempts=0, version=1),
        run.finished({State.DELIVERED: 8, State.FAILED: 3, State.CANCELLED: 1}),
        run.corrected(1, TOTALS),
    ]


ATTEMPTS = 6 + 1 + 2 + 1 + 2
ARCHIVED = run.archived(TOTALS, ATTEMPTS)
OF_OTHER = [other.scheduled(), other.planned(0, range(3)), other.block(0, (0, 1))]


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://stats/v1") as api:
        yield api


async def get(api: httpx.AsyncClient, path: str, **parameters: object) -> Any:
    answer = await api.get(path, params={name: str(it) for name, it in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(api: httpx.AsyncClient) -> list[Any]:
    """Return all figures."""
    mailing = await get(api, f"/mailings/{run.mailing_id}")
    views = [mailing, *mailing["runs"], await get(api, f"/runs/{run.id}")]
    for each in views:
        each.pop("archived_at", None)
    return [await get(api, "/totals"), await get(api, "/mailings"), *views]


async def number_of_rows(pool: Pool, of: Run = run) -> int:
    query = " + ".join(
        f"(SELECT count(*) FROM {each.table} WHERE run_id = :run_id)"
        for each in emptying.SLICES.tables
    )
    async with transaction(pool) as db:
        return int(await db.scalar(text(f"SELECT {query}"), {"run_id": of.id}))


async def prove(pool: Pool) -> None:
    """Note of all runs that they were compared with the ledger."""
    async with transaction(pool) as db:
        await db.execute(text("UPDATE runs SET proved_number = totals_number"))


async def empty(pool: Pool) -> int:
    """Delete what archived runs have left; return in how many slices."""
    emptier, slices = Emptier(pool, rest=0), 0
    while await emptier.step():
        slices += 1
    return slices


async def test_all_figures_are_the_same_before_and_after(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*finished(), *OF_OTHER])
    await prove(stats_pool)
    before = await shown(api)

    await apply(stats_pool, [ARCHIVED])
    archived = await shown(api)
    await empty(stats_pool)

    assert before == archived == await shown(api)
    assert before[-1]["by_status"] == FIGURES
    assert before[-1]["ledger"]["agrees"]
    assert (await get(api, f"/runs/{run.id}"))["archived_at"] == "2026-04-01T12:00:00Z"
    assert (await get(api, "/reconcile"))["reconciles"]


@pytest.mark.parametrize("seed", range(16))
async def test_in_any_order_and_with_messages_missing_the_figures_are_those_of_the_event(
    stats_pool: Pool, api: httpx.AsyncClient, seed: int
) -> None:
    """Topics overtake each other, records come again, and the log may be cut anywhere."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    story = [each for each in finished() if each.topic is not MESSAGES or chance.random() < 0.6]
    story = [*story, ARCHIVED, *chance.sample([*story, ARCHIVED], 4)]
    chance.shuffle(story)
    first = chance.randrange(len(story))

    await apply(stats_pool, [*story[:first], *OF_OTHER], by=chance.choice([1, 3, 50]))
    await empty(stats_pool)  # of what is archived by then
    await apply(stats_pool, story[first:], by=chance.choice([1, 3, 50]))
    await empty(stats_pool)

    view = await get(api, f"/runs/{run.id}")
    assert (view["by_status"], view["planned"], view["attempts"]) == (FIGURES, 12, ATTEMPTS)
    ledger = view["ledger"]
    assert (ledger["correction"], ledger["agrees"], ledger["differences"]) == (1, True, {})
    assert ledger["by_status"] == FIGURES
    assert view["archived_at"]
    assert await number_of_rows(stats_pool) == 0
    assert await number_of_rows(stats_pool, other) == 2 + 3  # of its series: one of each step
    [proof] = (await get(api, "/reconcile", run_id=run.id))["runs"]
    assert proof["reconciles"]
    assert proof["archived_at"]
    assert (await get(api, "/reconcile"))["reconciles"]


async def test_who_applies_messages_while_the_run_is_archived_counts_none_and_leaves_no_row(
    stats_pool: Pool, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas: one has written rows and not yet counted them when the other archives."""
    await apply(stats_pool, finished()[:4])
    writing, archived = asyncio.Event(), asyncio.Event()
    change = counts._change_runs  # noqa: SLF001 - the moment between rows and counters

    async def waiting(*arguments: Any) -> None:
        writing.set()
        await archived.wait()
        await change(*arguments)

    async def late() -> None:
        async with transaction(stats_pool) as db:
            events = [received(each, key(each)) for each in finished()[4:12]]
            await counts.project(db, 1, events, consumer=CONSUMER)

    with monkeypatch.context() as patched:
        patched.setattr(counts, "_change_runs", waiting)
        task = asyncio.create_task(late())
        await writing.wait()
    await apply(stats_pool, [*finished()[-2:], ARCHIVED])
    await empty(stats_pool)  # sees nothing of what is not committed
    archived.set()
    await task
    left = await number_of_rows(stats_pool)
    await empty(stats_pool)

    assert left > 0
    assert await number_of_rows(stats_pool) == 0
    assert (await get(api, f"/runs/{run.id}"))["by_status"] == FIGURES


@pytest.mark.parametrize("dies_after", range(5))
async def test_emptying_that_dies_goes_on_and_leaves_other_runs_alone(
    stats_pool: Pool, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    singles = [run.ended(each, State.FAILED) for each in range(12, 20)]
    await apply(stats_pool, [*finished(), *singles, *OF_OTHER])
    await apply(stats_pool, [ARCHIVED])
    monkeypatch.setattr(emptying, "SLICES", small_slices(emptying.SLICES, 2))
    before = await number_of_rows(stats_pool)

    first = Emptier(stats_pool, rest=0)
    for _ in range(dies_after):
        await first.step()
    left = await number_of_rows(stats_pool)
    await empty(stats_pool)

    assert (left < before) == (dies_after > 0)
    assert await number_of_rows(stats_pool) == 0
    assert await number_of_rows(stats_pool, other) == 2 + 3  # of its series: one of each step
    assert not await Emptier(stats_pool, rest=0).step()


async def test_messages_of_an_archived_run_are_gone_and_the_answer_says_since_when(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*finished(), *OF_OTHER])
    page = await get(api, "/messages", run_id=run.id, limit=3)
    await apply(stats_pool, [ARCHIVED])

    for more in (
        {},
        {"status": "expired"},
        {"status": "planned"},
        {"cursor": page["next_cursor"]},
    ):
        answer = await api.get("/messages", params={"run_id": str(run.id), **more})
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (410, "MessagesDeleted"), more
        assert problem["since"] == ARCHIVED_AT.isoformat().replace("+00:00", "Z")


async def test_lists_leave_archived_runs_out(stats_pool: Pool, api: httpx.AsyncClient) -> None:
    await apply(stats_pool, [*finished(), *OF_OTHER, ARCHIVED])

    everything = await get(api, "/messages")
    of_mailing = await get(api, "/messages", mailing_id=run.mailing_id)
    of_status = await get(api, "/messages", status="delivered")

    assert {each["run_id"] for each in everything["items"]} == {str(other.id)}
    assert of_mailing["items"] == []
    assert len(of_status["items"]) == 2


async def test_a_run_that_is_archived_before_anything_else_is_heard_has_its_figures(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [ARCHIVED])

    view = await get(api, f"/runs/{run.id}")

    assert (view["by_status"], view["planned"], view["attempts"]) == (FIGURES, 12, ATTEMPTS)
    assert view["ledger"]["agrees"]
    assert view["mailing_id"] == str(run.mailing_id)
