"""The figures over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from services.stats.handlers.broadcasting import Broadcast
from services.stats.handlers.reading import PublicReads
from services.stats.routes import routers
from shared import database, http
from shared.contracts.dispatcher import State
from shared.database import Pool
from tests.reading import reads, statements
from tests.stats.story import NOON, Run, apply, client

run = Run()
unknown = UUID(int=1)

NOTHING = dict.fromkeys(State, 0)


@pytest.fixture
async def api(stats_pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    app.state.public_reads = PublicReads(stats_pool, Broadcast(9, 9))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://stats") as api:
        yield api


@pytest.fixture
async def told(stats_pool: Pool) -> None:
    events = [run.scheduled(), run.planned(0, range(5)), run.expanded(5)]
    await apply(stats_pool, [*events, run.ended(0, State.DELIVERED), run.ended(1, State.FAILED)])


async def get(api: httpx.AsyncClient, path: str, **parameters: str | int | UUID) -> Any:
    answer = await api.get(path, params={name: str(it) for name, it in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


BY_STATUS = NOTHING | {"planned": 3, "delivered": 1, "failed": 1}


async def test_before_anything_is_heard_all_figures_are_zero(api: httpx.AsyncClient) -> None:
    totals = await get(api, "/v1/totals")

    assert totals == {
        "as_of": None,
        "lag_s": None,
        "mailings": 0,
        "runs": 0,
        "planned": 0,
        "attempts": 0,
        "by_status": NOTHING,
        "recipients": {"clients": 0, "by_status": NOTHING},
    }


@pytest.mark.usefixtures("told")
async def test_totals_mailings_and_runs_say_the_same(api: httpx.AsyncClient) -> None:
    totals = await get(api, "/v1/totals")
    listed = await get(api, "/v1/mailings")
    mailing = await get(api, f"/v1/mailings/{run.mailing_id}")
    shown = await get(api, f"/v1/runs/{run.id}")

    views = (totals, *listed["items"], mailing, *mailing["runs"], shown)
    assert all(view["planned"] == 5 for view in views)
    assert all(view["attempts"] == 2 for view in views)
    assert all(view["by_status"] == BY_STATUS for view in views)
    assert listed["items"][0]["runs"] == totals["runs"] == 1
    assert shown["is_expanded"]
    assert not shown["is_finished"]
    assert all("as_of" in each and "lag_s" in each for each in (totals, listed, mailing, shown))


@pytest.mark.usefixtures("told")
async def test_messages_are_shown_page_by_page(api: httpx.AsyncClient) -> None:
    first = await get(api, "/v1/messages", status="planned", limit=2)
    second = await get(api, "/v1/messages", status="planned", limit=2, cursor=first["next_cursor"])
    failed = await get(api, "/v1/messages", run_id=run.id, status="failed")

    shown = [each["client_id"] for each in (*first["items"], *second["items"])]
    assert shown == [str(client(each)) for each in (2, 3, 4)]
    assert second["next_cursor"] is None
    assert len(first["items"][0]["message_id"]) == 43
    assert [each["status"] for each in failed["items"]] == ["failed"]
    assert "as_of" in failed


async def test_mailings_are_shown_page_by_page(api: httpx.AsyncClient, stats_pool: Pool) -> None:
    several = [Run(UUID(int=each)) for each in range(1, 6)]
    await apply(stats_pool, [each.scheduled() for each in several])

    first = await get(api, "/v1/mailings", limit=3)
    rest = await get(api, "/v1/mailings", limit=3, cursor=first["next_cursor"])

    shown = [each["mailing_id"] for each in (*first["items"], *rest["items"])]
    assert shown == [str(each.mailing_id) for each in reversed(several)]
    assert rest["next_cursor"] is None


async def test_mailings_are_found_by_their_identifiers(
    api: httpx.AsyncClient, stats_pool: Pool
) -> None:
    several = [Run(UUID(int=each)) for each in range(1, 6)]
    await apply(stats_pool, [each.scheduled() for each in several])
    wanted = [str(several[number].mailing_id) for number in (3, 1)]

    unknown = str(UUID(int=99))
    found = (await api.get("/v1/mailings", params={"ids": [*wanted, unknown]})).json()
    first = (await api.get("/v1/mailings", params={"ids": wanted, "limit": 1})).json()
    too_many = await api.get("/v1/mailings", params={"ids": [unknown] * 101})

    assert [each["mailing_id"] for each in found["items"]] == wanted
    assert [each["mailing_id"] for each in first["items"]] == wanted[:1]
    assert first["next_cursor"] is not None
    assert too_many.status_code == 422


async def test_the_newest_mailing_stands_first_whatever_its_identifier(
    api: httpx.AsyncClient, stats_pool: Pool
) -> None:
    early, late, missed, same = (Run(UUID(int=each)) for each in (4, 1, 2, 3))
    unknown = Run(UUID(int=5))
    hour = timedelta(hours=1)
    await apply(
        stats_pool,
        [
            early.scheduled(),
            replace(late.scheduled(), scheduled_at=NOON + 3 * hour),
            replace(missed.missed(), missed_at=NOON + 2 * hour),
            replace(same.scheduled(), scheduled_at=NOON),
            unknown.planned(0, range(2)),
        ],
    )
    order = [unknown, late, missed, early, same]  # of one its start has not been heard of yet

    shown, cursor = [], None
    for _ in order:
        page = await get(api, "/v1/mailings", limit=1, **({"cursor": cursor} if cursor else {}))
        shown += [each["mailing_id"] for each in page["items"]]
        cursor = page["next_cursor"]

    assert shown == [str(each.mailing_id) for each in order]
    assert cursor is None


@pytest.mark.usefixtures("told")
async def test_the_figures_reconcile(api: httpx.AsyncClient) -> None:
    everything = await get(api, "/v1/reconcile")
    of_mailing = await get(api, "/v1/reconcile", mailing_id=run.mailing_id)

    assert everything["reconciles"]
    assert everything["runs"] == of_mailing["runs"]
    assert everything["runs"][0]["counted_by_status"] == BY_STATUS
    assert everything["runs"][0]["rows_by_status"] == BY_STATUS
    assert everything["runs"][0]["sum_of_statuses"] == 5


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        (f"/v1/runs/{unknown}", 404, "RunUnknown"),
        (f"/v1/mailings/{unknown}", 404, "MailingUnknown"),
        (f"/v1/reconcile?run_id={unknown}", 404, "RunUnknown"),
        (f"/v1/reconcile?mailing_id={unknown}", 404, "MailingUnknown"),
        (f"/v1/reconcile?run_id={unknown}&mailing_id={unknown}", 404, "RunUnknown"),
        ("/v1/runs/x", 422, "Invalid"),
        ("/v1/messages?status=sent", 422, "Invalid"),
        ("/v1/messages?color=red", 422, "Invalid"),
        ("/v1/messages?limit=1001", 422, "Invalid"),
        ("/v1/messages?cursor=x", 422, "BadCursor"),
        ("/v1/messages?cursor=YS9iL2M=", 422, "BadCursor"),
        ("/v1/mailings?cursor=YS9iL2M=", 422, "BadCursor"),
    ],
)
async def test_what_is_wrong_is_a_problem(
    api: httpx.AsyncClient, path: str, status: int, kind: str
) -> None:
    answer = await api.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == kind


async def test_without_a_database_the_answer_is_to_come_back(no_pool: Pool) -> None:
    app = http.create_app("stats", routers, no_pool, database.business_clock(no_pool), None)
    transport = httpx.ASGITransport(app)

    async with httpx.AsyncClient(transport=transport, base_url="http://stats") as api:
        answer = await api.get("/v1/totals")

    assert answer.status_code == 503


async def test_instants_that_the_driver_stores_as_infinities_stop_no_list(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    events = [
        replace(run.scheduled(), scheduled_at=last),
        replace(run.planned(0, range(2)), due_at=last),
        replace(run.ended(0, State.DELIVERED), at=last),
        replace(run.finished(), finished_at=last),
    ]
    await apply(stats_pool, events)

    shown = await get(api, f"/v1/runs/{run.id}")
    messages = await get(api, "/v1/messages", run_id=run.id)

    assert shown["scheduled_at"] == shown["finished_at"] == "9999-12-31T23:59:59.999999Z"
    assert len(messages["items"]) == 2


ONE_RUN = "/v1/messages?run_id={run_id}"
READS = {
    "/v1/totals": 1,
    "/v1/mailings": 1,
    "/v1/mailings?limit=1": 1,
    "/v1/mailings/{mailing_id}": 1,
    "/v1/runs/{run_id}": 1,
    "/v1/reconcile": 1,
    "/v1/reconcile?mailing_id={mailing_id}": 1,
    # The runs, then what each of them has, until the page is full: those that are planned, those
    # in blocks, and the others. How much of it is read depends on what was found before.
    "/v1/messages": 4,
    f"{ONE_RUN}&limit=1": 2,
    f"{ONE_RUN}&status=planned": 2,
    f"{ONE_RUN}&status=delivered": 3,
    f"{ONE_RUN}&status=failed": 2,
    f"{ONE_RUN}&status=expired": 1,
    # Where the figures are, and the mailings; a mailing, its runs, and what time it is; a mailing,
    # and the series of a run.
    "/public/v1/mailings": 2,
    "/public/v1/mailings/{mailing_id}": 3,
    "/public/v1/mailings/{mailing_id}/series": 2,
}
STREAM = "/public/v1/live"


def test_every_read_stands_in_the_table() -> None:
    assert {path.partition("?")[0] for path in READS} == reads(routers) - {STREAM}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("path", READS)
async def test_figures_and_how_old_they_are_take_one_round_trip(
    api: httpx.AsyncClient, stats_pool: Pool, path: str
) -> None:
    with statements(stats_pool) as sent:
        answer = await api.get(path.format(run_id=run.id, mailing_id=run.mailing_id))

    assert answer.status_code == 200, answer.text
    assert sent == [False] * READS[path]
