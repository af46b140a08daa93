"""Saved audiences over HTTP: their life, and the mailings that refer to them."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from services.catalog.domain.mailing_commands import BeginRun
from services.catalog.handlers import handle
from services.catalog.queue.audiences import find
from shared import ids
from shared.contracts.scheduler import ONCE
from shared.database import Pool, autocommit, transaction
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from tests.catalog.test_routes_mailings import SPRING, created

ALL: dict[str, Any] = {"operator_codes": [], "tags": []}
VIPS = {"tags": ["vip"], "exclude": {"tags": ["staff"]}}
DAILY = {"entries": [{"kind": "daily", "at": "10:00", "zone": "UTC"}]}
PLAIN = {name: value for name, value in SPRING.items() if name != "filter"}


async def saved(http: AsyncClient, name: str = "vips", **wanted: Any) -> dict[str, Any]:
    response = await http.post("/audiences", json={"name": name, "filter": wanted or VIPS})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def referring(http: AsyncClient, audience: str, **fields: Any) -> dict[str, Any]:
    response = await http.post("/mailings", json=PLAIN | {"audience": audience} | fields)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_an_audience_is_saved_shown_and_listed(http: AsyncClient) -> None:
    response = await http.post("/audiences", json={"name": "vips", "filter": VIPS})

    audience = response.json()
    path = f"/audiences/{audience['audience_id']}"
    assert (response.status_code, response.headers["etag"]) == (201, '"1"')
    assert response.headers["location"] == f"/v1{path}"
    assert audience["filter"] == {**ALL, **VIPS}
    shown = await http.get(path)
    assert (shown.json(), shown.headers["etag"]) == (audience, '"1"')
    other = await saved(http, "others")
    assert (await http.get("/audiences")).json()["items"] == [other, audience]
    one = await http.get("/audiences", params={"name": "vips"})
    assert one.json()["items"] == [audience]


async def test_phones_of_an_audience_become_ids(http: AsyncClient) -> None:
    client = (await http.post("/clients", json={"phone": "79161234567"})).json()
    include = {"phones": ["79161234567", "79990000000"]}

    audience = await saved(http, include=include)
    again = await http.patch(
        f"/audiences/{audience['audience_id']}", json={"filter": {"exclude": include}}
    )

    ids_only = {"client_ids": [client["client_id"]]}
    assert audience["filter"]["include"] == again.json()["filter"]["exclude"] == ids_only
    assert audience["unknown_phones"] == ["/filter/include/phones/1"]
    assert again.json()["unknown_phones"] == ["/filter/exclude/phones/1"]


async def test_saving_again_by_its_key_saves_no_second_one(http: AsyncClient) -> None:
    key, body = {"Idempotency-Key": "one"}, {"name": "vips", "filter": VIPS}
    first = await http.post("/audiences", json=body, headers=key)

    again = await http.post("/audiences", json=body, headers=key)
    other = await http.post("/audiences", json=body | {"filter": {}}, headers=key)

    assert again.json() == first.json()
    assert other.status_code == 422
    await http.delete(f"/audiences/{first.json()['audience_id']}")
    assert (await http.post("/audiences", json=body, headers=key)).status_code == 409


async def test_a_name_is_of_one_audience_until_that_is_deleted(http: AsyncClient) -> None:
    first, second = await saved(http), await saved(http, "others")

    taken = await http.post("/audiences", json={"name": "vips"})
    renamed = await http.patch(f"/audiences/{second['audience_id']}", json={"name": "vips"})
    assert taken.status_code == renamed.status_code == 409
    assert taken.json()["errors"][0]["pointer"] == "/name"
    assert (await http.delete(f"/audiences/{first['audience_id']}")).status_code == 204
    assert (await http.get(f"/audiences/{first['audience_id']}")).status_code == 404
    await saved(http)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "n" * 201}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "01890a5d-ac96-774b-bcce-b302099a8057"}, "/name"),
        ({"name": "vips", "filter": {"tags": [""]}}, "/filter/tags/0"),
        ({"name": "vips", "filter": {"include": {}}}, "/filter/include"),
    ],
)
async def test_an_audience_with_a_mistake_is_refused(
    http: AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    response = await http.post("/audiences", json=body)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]
    audience = await saved(http, "others")
    changed = await http.patch(f"/audiences/{audience['audience_id']}", json=body)
    assert changed.status_code == 422


async def test_a_change_expects_a_version(http: AsyncClient) -> None:
    audience = await saved(http)
    path = f"/audiences/{audience['audience_id']}"

    one = await http.patch(path, json={"filter": {"tags": None}}, headers={"If-Match": '"1"'})
    two = await http.patch(path, json={"filter": None}, headers={"If-Match": '"1"'})
    three = await http.delete(path, headers={"If-Match": '"1"'})

    assert one.json()["filter"] == {**ALL, "exclude": {"tags": ["staff"]}}
    assert (one.json()["version"], one.headers["etag"]) == (2, '"2"')
    assert (two.status_code, three.status_code) == (412, 412)
    assert (await http.patch(path, json={"filter": None})).json()["filter"] == ALL


@pytest.mark.parametrize("by", ["audience_id", "name"])
async def test_a_mailing_refers_to_an_audience(http: AsyncClient, by: str) -> None:
    audience = await saved(http)

    mailing = await referring(http, audience[by])

    assert mailing["filter"] == audience["filter"]
    assert mailing["audience_id"] == audience["audience_id"]
    assert mailing["audience_name"] == "vips"
    assert (await http.get("/mailings")).json()["items"] == [mailing]


async def test_a_mailing_without_an_audience_says_nothing_of_one(http: AsyncClient) -> None:
    assert not {"audience_id", "audience_name"} & (await created(http)).keys()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"audience": "nobody"}, "unknown_audience"),
        ({"audience": "01890a5d-ac96-774b-bcce-b302099a8057"}, "unknown_audience"),
        ({"audience": "vips", "filter": {"tags": ["a"]}}, "with_filter"),
    ],
)
async def test_an_audience_that_is_not_there_or_not_alone_is_refused(
    http: AsyncClient, body: dict[str, Any], code: str
) -> None:
    await saved(http)
    mailing = await created(http)

    answers = [
        await http.post("/mailings", json=PLAIN | body),
        await http.post("/mailings/preview", json=PLAIN | body),
        await http.patch(f"/mailings/{mailing['mailing_id']}", json=body),
    ]

    assert [each.status_code for each in answers] == [422] * 3
    for each in answers:
        assert [(e["pointer"], e["code"]) for e in each.json()["errors"]] == [("/audience", code)]


async def test_a_change_of_an_audience_changes_its_mailings(http: AsyncClient) -> None:
    audience = await saved(http)
    first, second = await referring(http, "vips"), await referring(http, "vips")
    other = await created(http)

    path = f"/audiences/{audience['audience_id']}"
    await http.patch(path, json={"filter": {"exclude": None}})
    await http.patch(path, json={"name": "regulars"})

    for each in (first, second):
        now = (await http.get(f"/mailings/{each['mailing_id']}")).json()
        assert (now["filter"], now["version"]) == ({**ALL, "tags": ["vip"]}, 2)
        assert now["audience_name"] == "regulars"
    assert (await http.get(f"/mailings/{other['mailing_id']}")).json() == other


async def test_a_run_keeps_whom_it_began_with_and_the_next_one_has_the_change(
    http: AsyncClient, store: PostgresEventStore, now: Instant, catalog_pool: Pool
) -> None:
    audience = await saved(http)
    once = await referring(http, "vips")
    daily = await referring(http, "vips", schedule=DAILY, ends_at="2026-02-01T00:00:00Z")
    await begin(store, once, now)

    await http.patch(f"/audiences/{audience['audience_id']}", json={"filter": {"exclude": None}})

    shown = [(await http.get(f"/mailings/{e['mailing_id']}")).json() for e in (once, daily)]
    assert [each["filter"] for each in shown] == [{**ALL, **VIPS}, {**ALL, "tags": ["vip"]}]
    async with autocommit(catalog_pool) as db:
        begun = await db.execute(text("SELECT data FROM events WHERE type LIKE 'RunBegun%'"))
        assert [each["filter"] for each in begun.scalars()] == [{**ALL, **VIPS}]


async def begin(store: PostgresEventStore, mailing: dict[str, Any], now: Instant) -> None:
    mailing_id = UUID(mailing["mailing_id"])
    starts_at = type(now).fromisoformat(mailing["starts_at"])
    command = BeginRun(
        mailing_id=mailing_id,
        run_id=ids.run_id(mailing_id, ONCE),
        nominal=ONCE,
        is_last=True,
        starts_at=starts_at,
        proposed_at=now,
        now=now,
    )
    await handle(store, command)


async def test_of_many_mailings_that_need_an_audience_some_are_named_and_all_are_counted(
    http: AsyncClient,
) -> None:
    path = f"/audiences/{(await saved(http))['audience_id']}"
    ids = [(await referring(http, "vips"))["mailing_id"] for _ in range(21)]

    refused = (await http.delete(path)).json()

    assert [each["mailing_id"] for each in refused["mailings"]] == sorted(ids)[:20]
    assert (refused["mailing_count"], refused["error_count"]) == (21, 21)


async def test_an_audience_is_deleted_once_no_mailing_may_still_run_with_it(
    http: AsyncClient, store: PostgresEventStore, now: Instant
) -> None:
    audience = await saved(http)
    path = f"/audiences/{audience['audience_id']}"
    waits, runs, stopped = [await referring(http, "vips") for _ in range(3)]
    await http.post(f"/mailings/{stopped['mailing_id']}/stop")
    await begin(store, runs, now)

    refused = await http.delete(path)
    await http.patch(f"/mailings/{waits['mailing_id']}", json={"audience": None})
    deleted = await http.delete(path)

    assert refused.status_code == 409
    (error,) = refused.json()["errors"]
    assert error["detail"] == f"spring ({waits['mailing_id']})"
    assert refused.json()["mailings"] == [{"mailing_id": waits["mailing_id"], "name": "spring"}]
    assert refused.json()["mailing_count"] == 1
    assert deleted.status_code == 204
    assert (await http.delete(path)).status_code == 204
    left = (await http.get(f"/mailings/{runs['mailing_id']}")).json()
    assert left["filter"] == {**ALL, **VIPS}
    assert "audience_name" not in left


async def test_without_its_audience_a_mailing_keeps_whom_it_selected(http: AsyncClient) -> None:
    audience, other = await saved(http), await saved(http, "others", tags=["new"])
    path = f"/mailings/{(await referring(http, 'vips'))['mailing_id']}"

    refused = await http.patch(path, json={"filter": {"tags": ["a"]}})
    moved = await http.patch(path, json={"audience": "others"})
    left = await http.patch(path, json={"audience": None})
    await http.patch(f"/audiences/{other['audience_id']}", json={"filter": {"tags": ["x"]}})
    own = await http.patch(path, json={"filter": {"tags": ["a"]}})

    assert [each["code"] for each in refused.json()["errors"]] == ["has_audience"]
    assert moved.json()["audience_id"] == other["audience_id"] != audience["audience_id"]
    assert moved.json()["filter"] == left.json()["filter"] == {**ALL, "tags": ["new"]}
    assert "audience_id" not in left.json()
    assert own.json()["filter"] == {**ALL, "tags": ["a"]}


async def test_creating_again_by_its_key_finds_the_mailing_though_its_audience_changed(
    http: AsyncClient,
) -> None:
    audience = await saved(http)
    key, body = {"Idempotency-Key": "one"}, PLAIN | {"audience": "vips"}
    first = await http.post("/mailings", json=body, headers=key)
    await http.patch(f"/audiences/{audience['audience_id']}", json={"filter": None})

    again = await http.post("/mailings", json=body, headers=key)

    assert again.status_code == 201
    assert again.json()["mailing_id"] == first.json()["mailing_id"]
    assert again.json()["filter"] == ALL


async def test_a_mailing_that_expects_a_version_is_not_changed_by_another(
    http: AsyncClient,
) -> None:
    await saved(http)
    path = f"/mailings/{(await created(http))['mailing_id']}"

    stale = await http.patch(path, json={"audience": "vips"}, headers={"If-Match": '"7"'})
    fresh = await http.patch(path, json={"audience": "vips"}, headers={"If-Match": '"1"'})

    assert (stale.status_code, fresh.status_code) == (412, 200)


async def test_a_preview_counts_whom_an_audience_selects(http: AsyncClient) -> None:
    await saved(http)
    await http.post("/clients", json={"phone": "79161234567", "tags": ["vip"]})
    await http.post("/clients", json={"phone": "79161234568", "tags": ["vip", "staff"]})

    found = await http.post("/mailings/preview", json=PLAIN | {"audience": "vips"})

    assert found.json()["clients"] == 1


async def test_who_refers_to_an_audience_holds_it(http: AsyncClient, catalog_pool: Pool) -> None:
    await saved(http)
    free = text("SELECT count(*) FROM (SELECT FROM audiences FOR UPDATE SKIP LOCKED) AS free")

    async with transaction(catalog_pool) as db, autocommit(catalog_pool) as other:
        await find(db, "vips")
        before = await other.scalar(free)
        await find(db, "vips", is_held=True)
        during = await other.scalar(free)

    assert (before, during) == (1, 0)


async def test_who_refers_and_who_changes_or_deletes_at_once_leave_nothing_behind(
    http: AsyncClient,
) -> None:
    audience = await saved(http)
    path = f"/audiences/{audience['audience_id']}"

    async def change(number: int) -> None:
        await http.patch(path, json={"filter": {"tags": [str(number)]}})

    async def refer() -> dict[str, Any]:
        return await referring(http, "vips")

    done = await asyncio.gather(*(job for n in range(10) for job in (change(n), refer())))

    last = (await http.get(path)).json()["filter"]
    for each in done[1::2]:
        assert each is not None
        now = (await http.get(f"/mailings/{each['mailing_id']}")).json()
        assert now["filter"] == last
