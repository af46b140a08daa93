"""A client to whom a run was resent counts once by client, by the best of all its messages."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from services.stats.domain.figures import superseded
from services.stats.queue import generations
from services.stats.routes import routers
from services.stats.workers.emptying import Emptier
from shared import database, http, ids
from shared.contracts.dispatcher import BEST_FIRST, MESSAGES, MessagesPlanned, RunResent, State
from shared.database import Pool, transaction
from shared.event import Event
from tests.stats.story import NOON, Run, apply

NOBODY = UUID(int=0)
FAILED, EXPIRED, DELIVERED = State.FAILED, State.EXPIRED, State.DELIVERED


@dataclass(frozen=True, slots=True)
class Resend(Run):
    """A run that sends some of another one again."""

    of: UUID = NOBODY
    number: int = 1

    @property
    def id(self) -> UUID:
        return ids.run_id(self.mailing_id, f"resend {self.number}")

    def resent(self) -> RunResent:
        return RunResent(
            run_id=self.id,
            mailing_id=self.mailing_id,
            resent_from=self.of,
            statuses=[FAILED, EXPIRED],
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            resent_at=NOON + timedelta(hours=self.number),
        )


first = Run()
again = Resend(of=first.id, number=1)
third = Resend(of=again.id, number=2)
beside = Resend(of=first.id, number=3)


def of_first() -> list[Event]:
    """Return all that was heard of a run of 12: 6 delivered, 3 failed, 3 expired."""
    return [
        first.scheduled(),
        first.planned(0, range(12)),
        first.expanded(12),
        first.block(0, range(6)),
        *(first.ended(each, FAILED, version=3) for each in (6, 7, 8)),
        *(first.ended(each, EXPIRED, attempts=0, version=1) for each in (9, 10, 11)),
        first.finished({DELIVERED: 6, FAILED: 3, EXPIRED: 3}),
    ]


def of_again() -> list[Event]:
    """Return all that was heard of its resend: 4 delivered, 2 failed again."""
    return [
        again.resent(),
        again.planned(0, range(6, 12)),
        again.expanded(6),
        again.block(0, (6, 9, 10)),
        again.attempted(11, State.RETRY, chunk=0),
        again.attempted(11, DELIVERED, attempt=2, chunk=0),
        again.ended(7, FAILED, version=3),
        again.ended(8, FAILED, version=3),
        again.finished({DELIVERED: 4, FAILED: 2}),
    ]


def of_third() -> list[Event]:
    """Return all that was heard of the resend of that: 1 delivered, 1 open."""
    return [third.resent(), third.planned(0, (7, 8)), third.expanded(2), third.block(0, (7,))]


def of_beside() -> list[Event]:
    """Return all that was heard of another resend of the first: what was delivered before, too."""
    return [
        beside.resent(),
        beside.planned(0, (6, 8)),
        beside.expanded(2),
        beside.ended(6, State.UNDETERMINED, version=3),
        beside.ended(8, State.UNDETERMINED, version=3),
    ]


ALL = [*of_first(), *of_again(), *of_third(), *of_beside()]
BY_MESSAGE = {"delivered": 11, "failed": 5, "expired": 3, "undetermined": 2, "planned": 1}
CLIENTS = {"delivered": 11, "undetermined": 1}


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://stats/v1") as api:
        yield api


async def get(api: httpx.AsyncClient, path: str) -> Any:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def some(by_status: dict[str, int]) -> dict[str, int]:
    return {status: number for status, number in by_status.items() if number}


async def union(api: httpx.AsyncClient, run: Run = first) -> Any:
    return (await get(api, f"/runs/{run.id}"))["union"]


async def check(api: httpx.AsyncClient) -> None:
    """Check that all figures are those of ALL."""
    for run in (first, again, third, beside):
        found = await union(api, run)
        assert (found["first_run_id"], found["runs"]) == (str(first.id), 4)
        assert some(found["messages"]["by_status"]) == BY_MESSAGE
        assert found["messages"]["planned"] == 22
        assert some(found["recipients"]["by_status"]) == CLIENTS
        assert found["recipients"]["clients"] == 12
    public = await shown_to_everybody(api)
    mailing = await get(api, f"/mailings/{first.mailing_id}")
    for each in (
        public,
        mailing,
        await get(api, "/totals"),
        (await get(api, "/mailings"))["items"][0],
    ):
        assert (each["planned"], some(each["by_status"])) == (22, BY_MESSAGE)
        assert each["recipients"]["clients"] == 12
        assert some(each["recipients"]["by_status"]) == CLIENTS


async def shown_to_everybody(api: httpx.AsyncClient) -> Any:
    """Return the mailing as it is shown to everybody, in the list and by itself alike."""
    path = "http://stats/public/v1/mailings"
    [listed] = (await get(api, path))["items"]
    opened = await get(api, f"{path}/{first.mailing_id}")
    assert opened["recipients"] == listed["recipients"]
    return listed


async def counted(pool: Pool) -> None:
    """Check the counts against all rows of clients."""
    async with transaction(pool) as db:
        rows = await db.scalars(text("SELECT states FROM recipients"))
        expected = Counter(each for states in rows for each in superseded(states))
        found: Counter[tuple[str, str]] = Counter()
        for row in await db.execute(text("SELECT * FROM resends WHERE NOT is_for_good")):
            for state in State:
                found[str(row.run_id), state.value] = getattr(row, f"{state}_count")
    assert +found == expected


async def test_a_run_that_was_not_resent_has_no_union(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, of_first())

    found = await get(api, f"/runs/{first.id}")

    assert (found["resend_of"], found["resent_as"], found["union"]) == (None, [], None)
    mailing = await get(api, f"/mailings/{first.mailing_id}")
    assert mailing["recipients"] == {"clients": 12, "by_status": mailing["by_status"]}
    assert (await shown_to_everybody(api))["recipients"] is None


async def test_runs_name_each_other(stats_pool: Pool, api: httpx.AsyncClient) -> None:
    await apply(stats_pool, ALL)

    runs = [await get(api, f"/runs/{run.id}") for run in (first, again, third, beside)]

    assert [each["resend_of"] for each in runs] == [
        None,
        str(first.id),
        str(again.id),
        str(first.id),
    ]
    assert runs[0]["resent_as"] == sorted([str(again.id), str(beside.id)])
    assert runs[1]["resent_as"] == [str(third.id)]
    assert runs[3]["scheduled_at"] == "2026-01-01T15:00:00Z"


async def test_each_client_counts_once_by_the_best_of_its_messages(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, ALL)

    await check(api)


async def test_while_a_resend_is_under_way_its_clients_are_where_they_were(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*of_first(), *of_again()[:3]])

    found = await union(api)

    assert some(found["recipients"]["by_status"]) == {"delivered": 6, "failed": 3, "expired": 3}
    assert some(found["messages"]["by_status"])["planned"] == 6


async def test_a_late_success_of_the_first_run_counts_for_its_client(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, ALL)

    await apply(stats_pool, [first.ended(8, DELIVERED, attempts=2, version=1_000_000_001)])

    assert some((await union(api))["recipients"]["by_status"]) == {"delivered": 12}
    await counted(stats_pool)


@pytest.mark.parametrize("seed", range(12))
async def test_in_whatever_order_and_how_often_events_come_figures_are_the_same(
    stats_pool: Pool, api: httpx.AsyncClient, seed: int
) -> None:
    """Those of one run come in order, as those of its key do, but for its messages'."""
    chance = random.Random(seed)  # noqa: S311 - reproducible
    queues: dict[Any, list[Event]] = {}
    every: list[Any] = ALL
    for each in every:
        is_of_message = each.topic is MESSAGES
        queues.setdefault((each.run_id, is_of_message), []).append(each)
    shuffled: list[Event] = []
    while queues:
        key = chance.choice(list(queues))
        shuffled.append(queues[key].pop(0))
        if not queues[key]:
            del queues[key]
    twice = shuffled + chance.sample(ALL, 20)

    await apply(stats_pool, twice, by=chance.choice([1, 3, 1_000]))

    await check(api)
    await counted(stats_pool)


TOTALS = [
    (first, {DELIVERED: 6, FAILED: 3, EXPIRED: 3}, {FAILED: 3, EXPIRED: 3}),
    (again, {DELIVERED: 4, FAILED: 2}, {FAILED: 2}),
    (third, {DELIVERED: 1, FAILED: 1}, {FAILED: 1}),
    (beside, {State.UNDETERMINED: 2}, {State.UNDETERMINED: 1}),
]
FOR_GOOD = {"delivered": 11, "undetermined": 1}


def archived(*, is_counted: bool = True) -> list[Event]:
    events: list[Event] = []
    for run, totals, least in TOTALS:
        event = run.archived(totals, sum(totals.values()))
        kind, fields = (
            type(event),
            {name: getattr(event, name) for name in event.__struct_fields__},
        )
        events.append(kind(**fields | {"superseded": least if is_counted else None}))
    return events


async def is_for_good(api: httpx.AsyncClient) -> None:
    found = await union(api)
    assert (found["recipients"]["clients"], found["messages"]["planned"]) == (12, 22)
    assert some(found["recipients"]["by_status"]) == FOR_GOOD


async def test_archived_runs_keep_their_union_without_the_rows_of_their_clients(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*ALL, third.ended(8, FAILED, version=3), *archived()])
    emptier = Emptier(stats_pool)
    while await emptier.step():
        pass
    await apply(stats_pool, [first.ended(8, DELIVERED, attempts=2, version=1_000_000_001)])

    await is_for_good(api)
    async with transaction(stats_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM recipients")) == 0


async def test_resends_that_are_read_behind_the_archiving_of_their_run_leave_no_rows(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    of_run, *of_resends = archived()
    links = [again.resent(), third.resent(), beside.resent()]
    await apply(stats_pool, [*of_first(), *links, of_run])
    emptier = Emptier(stats_pool)
    while await emptier.step():
        pass

    await apply(stats_pool, [*of_again()[1:], *of_third()[1:], *of_beside()[1:]])
    await apply(stats_pool, of_resends)
    while await emptier.step():
        pass

    await is_for_good(api)
    async with transaction(stats_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM recipients")) == 0


@pytest.mark.parametrize("seed", range(4))
async def test_after_the_log_has_lost_their_messages_archived_runs_have_their_union(
    stats_pool: Pool, api: httpx.AsyncClient, seed: int
) -> None:
    """So a rebuild has it, whichever of the runs it reads first."""
    resent = [again.resent(), third.resent(), beside.resent()]
    plans = [each for each in ALL if isinstance(each, MessagesPlanned)]
    runs: dict[UUID, list[Any]] = {}
    every: list[Any] = [*resent, *plans, *archived()]
    for each in every:
        runs.setdefault(each.run_id, []).append(each)
    in_order = list(runs.values())
    random.Random(seed).shuffle(in_order)  # noqa: S311 - reproducible

    await apply(stats_pool, [first.scheduled(), *(each for run in in_order for each in run)], by=2)

    await is_for_good(api)


async def test_what_nobody_counted_when_it_was_archived_stays_as_it_was(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await apply(stats_pool, [*ALL, third.ended(8, FAILED, version=3)])

    await apply(stats_pool, archived(is_counted=False))

    await is_for_good(api)


async def test_another_generation_has_families_of_its_own(stats_pool: Pool) -> None:
    await apply(stats_pool, ALL)
    async with transaction(stats_pool) as db:
        await generations.switch(db, await generations.begin(db))
    await apply(stats_pool, ALL)
    await generations.clear(stats_pool, "none")

    async with transaction(stats_pool) as db:
        assert await db.scalar(text("SELECT count(DISTINCT generation) FROM recipients")) == 1
        assert await db.scalar(text("SELECT count(*) FROM resends")) == 4
    await counted(stats_pool)


async def test_runs_without_resends_have_no_rows_of_their_clients(stats_pool: Pool) -> None:
    await apply(stats_pool, of_first())

    async with transaction(stats_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM recipients")) == 0
        assert await db.scalar(text("SELECT count(*) FROM resends")) == 0


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, []),
        ({"1": "failed"}, []),
        ({"1": "failed", "2": "delivered"}, [("1", "failed")]),
        ({"1": "failed", "2": "planned"}, [("2", "planned")]),
        ({"2": "failed", "1": "failed"}, [("2", "failed")]),
        (
            {"1": "expired", "2": "undetermined", "3": "failed"},
            [("1", "expired"), ("3", "failed")],
        ),
    ],
)
def test_all_but_the_best_are_superseded(states: dict[str, str], expected: list[Any]) -> None:
    assert sorted(superseded(states)) == sorted(expected)


def test_delivered_is_best_and_what_is_open_is_last() -> None:
    assert (BEST_FIRST[0], set(BEST_FIRST[-2:])) == (DELIVERED, {State.RETRY, State.PLANNED})
