"""Previews of audiences, and mailings of which no contact gets two: who is left out, and why."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.domain.contact import Channel
from services.dispatcher.handlers import planning
from services.dispatcher.queue import doubles
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.routes import routers
from shared import database
from shared.contracts.audience import Condition, packed
from shared.contracts.catalog import Filter
from shared.contracts.timing import Clock, TimePolicy
from shared.http import create_app
from tests.dispatcher.described import HTTP, describe
from tests.dispatcher.test_suppressing import suppress
from tests.dispatcher.world import CHANNELS, World, client, registered

MAILS = {**CHANNELS, "smtp": Channel(contact="email")}
SMTP = {"kind": "smtp", "url": "smtp://mail.example", "sender": "news@shop.example"}
BOTH = Filter(one_per_contact=True)
DOUBLES_DONE = "SELECT doubles_parts, doubles_done FROM runs"
PAGE_BYTES = 8_193  # one part more than there are whole ones in the table of these clients


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    clock = database.business_clock(world.pool)
    app = create_app("dispatcher", routers, world.pool, clock, store=None)
    now = await world.now()
    await describe(world.pool, "http", HTTP, now=now)
    await describe(world.pool, "smtp", SMTP, now=now)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


async def previewed(http: AsyncClient, **body: Any) -> dict[str, Any]:
    params: dict[str, Any] = {name: body.pop(name) for name in ("limit", "cursor") if name in body}
    answer = await http.post("/audience-previews", json=body, params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def some(world: World) -> None:
    """Let there be six clients: the second has no phone; the first, third and fifth one e-mail."""
    await world.know(
        registered(1, email="anna@example.com", tags=("vip",)),
        registered(2, phone=None, email="boris@example.com"),
        registered(3, email="Anna@Example.com", tags=("vip", "new")),
        registered(4),
        registered(5, email="anna@example.com", time_zone=None),
        registered(6, email="ff@example.com"),
    )
    await world.forget_client(6)


async def test_a_preview_says_how_many_and_who_lacks_the_contact(
    http: AsyncClient, world: World
) -> None:
    await some(world)

    by_phone = await previewed(http)
    by_mail = await previewed(http, gateway="smtp", filter={"include": {"time_zones": ["W-SU"]}})

    assert {name: by_phone[name] for name in ("selected", "is_whole", "messages", "left_out")} == {
        "selected": 5,
        "is_whole": True,
        "messages": 4,
        "left_out": [{"reason": "no_phone", "clients": 1}],
    }
    assert (by_mail["selected"], by_mail["messages"]) == (4, 3)
    assert by_mail["left_out"] == [{"reason": "no_email", "clients": 1}]


async def test_a_preview_shows_pages_of_clients_with_masked_contacts(
    http: AsyncClient, world: World
) -> None:
    await some(world)

    first = await previewed(http, limit=2)
    second = await previewed(http, limit=9, cursor=first["next_cursor"])
    mails = await previewed(http, gateway="smtp", limit=1)

    shown = [*first["clients"], *second["clients"]]
    assert [UUID(each["client_id"]) for each in shown] == [client(n) for n in range(1, 6)]
    assert second["next_cursor"] is None
    assert [each["contact"] for each in shown[:2]] == ["7916*****01", None]
    assert [each["left_out"] for each in shown[:2]] == [None, "no_phone"]
    assert mails["clients"][0]["contact"] == "a***@example.com"


async def test_of_those_with_one_contact_the_first_counts_and_the_others_are_left_out(
    http: AsyncClient, world: World
) -> None:
    await some(world)

    found = await previewed(http, gateway="smtp", filter={"one_per_contact": True})
    of_new = await previewed(
        http, gateway="smtp", filter={"one_per_contact": True, "include": {"tags": ["new"]}}
    )

    assert (found["selected"], found["messages"]) == (5, 2)
    assert {each["reason"]: each["clients"] for each in found["left_out"]} == {
        "same_contact": 2,
        "no_email": 1,
    }
    reasons = [each["left_out"] for each in found["clients"]]
    assert reasons == [None, None, "same_contact", "no_email", "same_contact"]
    assert [each["left_out"] for each in of_new["clients"]] == [None]


@pytest.mark.parametrize("subject", ["hash-of-3", str(client(3))], ids=["contact", "client"])
async def test_who_is_suppressed_is_left_out_of_all_mailings_or_of_a_topic(
    http: AsyncClient, world: World, subject: str
) -> None:
    await some(world)
    await world.know(registered(3, phone_hashes=("hash-of-3",)), version=2)
    await suppress(world, subject, topic="news")

    of_news = await previewed(http, topic="news")
    of_others = await previewed(http, topic="offers")
    await suppress(world, subject, version=2)
    of_any = await previewed(http)

    assert [each["messages"] for each in (of_news, of_others, of_any)] == [3, 4, 3]
    for each in (of_news, of_any):
        assert {"reason": "suppressed", "clients": 1} in each["left_out"]
        assert [one["left_out"] for one in each["clients"]][2] == "suppressed"


async def test_phones_are_looked_up_and_those_of_nobody_said(
    http: AsyncClient, world: World
) -> None:
    await some(world)
    phones = ["79160000001", "79990000000"]

    found = await previewed(http, filter={"include": {"phones": phones}})

    assert [UUID(each["client_id"]) for each in found["clients"]] == [client(1)]
    assert found["unknown_phones"] == ["/filter/include/phones/1"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"gateway": "pigeon"}, "/gateway"),
        ({"filter": {"include": {}}}, "/filter/include"),
        ({"filter": {"exclude": {"time_zones": ["Nowhere"]}}}, "/filter/exclude/time_zones/0"),
    ],
)
async def test_what_could_not_be_saved_is_not_previewed(
    http: AsyncClient, body: dict[str, Any], pointer: str
) -> None:
    response = await http.post("/audience-previews", json=body)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


async def expand(world: World) -> list[int]:
    while await planning.expand(world.pool, MAILS):
        pass
    rows = await world.rows("SELECT unnest(client_ids) AS id FROM chunks ORDER BY 1")
    return [row.id.int & 0xFFFF for row in rows]


@pytest.mark.parametrize("parts", [1, 5])
@pytest.mark.parametrize(
    ("wanted", "planned"),
    [
        (BOTH, [1, 2, 4]),
        (Filter(one_per_contact=True, tags=("vip",)), [1]),
        (
            Filter(one_per_contact=True, exclude=Condition(client_ids=packed([client(1)]))),
            [2, 3, 4],
        ),
        (Filter(), [1, 2, 3, 4, 5]),
    ],
    ids=["all", "a few by the index", "without the first", "not asked for"],
)
async def test_of_those_with_one_contact_one_is_in_the_run(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    wanted: Filter,
    planned: list[int],
    parts: int,
) -> None:
    monkeypatch.setattr(doubles, "PART_BYTES", PAGE_BYTES if parts == 1 else PAGE_BYTES // 4)
    monkeypatch.setattr(planning_queue, "CHUNK", 1)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)
    await some(world)
    run = await world.begin_run(filter=wanted, gateway="smtp")
    await run.begin()

    assert await expand(world) == planned
    assert await world.value("SELECT count(*) FROM left_out") == 0
    done = (parts, parts) if wanted.one_per_contact else (None, 0)
    assert [tuple(row) for row in await world.rows(DOUBLES_DONE)] == [done]


async def test_doubles_are_looked_for_part_by_part_each_in_a_transaction_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubles, "PART_BYTES", PAGE_BYTES // 4)
    await some(world)
    run = await world.begin_run(filter=BOTH, gateway="smtp")
    await run.begin()

    done = []
    while await planning.expand(world.pool, MAILS):
        done += [row.doubles_done for row in await world.rows(DOUBLES_DONE)]

    assert done == [1, 2, 3, 4, 5, 5]


async def test_of_those_with_one_contact_one_is_in_a_run_by_the_clocks_of_its_clients(
    world: World,
) -> None:
    await some(world)
    by_clock = TimePolicy(kind=Clock.RECIPIENT_LOCAL)
    run = await world.begin_run(filter=BOTH, gateway="smtp", time_policy=by_clock)
    await run.begin()

    assert await expand(world) == [1, 2, 4]
    assert await world.value("SELECT count(*) FROM left_out") == 0


async def test_who_stands_for_a_contact_does_not_change_while_a_run_is_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 1)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)
    monkeypatch.setattr(planning, "STEPS", 1)
    await some(world)
    run = await world.begin_run(filter=BOTH, gateway="smtp")
    await run.begin()

    assert await planning.expand(world.pool, MAILS)  # looks for doubles
    assert await planning.expand(world.pool, MAILS)  # the first two
    await world.know(registered(1, email="other@example.com"), version=2)

    assert await expand(world) == [1, 2, 4]


async def test_a_preview_says_how_many_clients_get_it_when(
    http: AsyncClient, world: World
) -> None:
    await world.know(
        registered(1, time_zone="Europe/Berlin"),
        registered(2, time_zone="Europe/Berlin"),
        registered(3, time_zone="Asia/Tokyo"),
        registered(4, time_zone=None),
        registered(5, time_zone="Europe/Moscow", preferred_times="daily 10:30"),
        registered(6, phone=None),
    )
    window = {"starts_at": "2026-03-01T05:00:00Z", "ends_at": "2026-03-02T05:00:00Z"}
    policy = {
        "kind": "preferred_times",
        "otherwise": "recipient_local",
        "already_passed": "skip",
        "no_zone": "skip",
    }
    times = window | {"nominal": "2026-03-01T09:00[Europe/Moscow]", "time_policy": policy}

    found = await previewed(http, times=times)
    quiet = await previewed(
        http, times=window | {"quiet_hours": {"begins": "05:00", "ends": "08:00"}}
    )
    plain = await previewed(http)

    assert found["due"] == {
        "times": [
            {"at": "2026-03-01T07:30:00Z", "clients": 1},
            {"at": "2026-03-01T08:00:00Z", "clients": 2},
        ],
        "count": 2,
        "is_whole": True,
        "skipped": [
            {"reason": "no_zone", "clients": 1},
            {"reason": "time_passed", "clients": 1},
        ],
    }
    assert quiet["due"]["times"] == [
        {"at": "2026-03-01T05:00:00Z", "clients": 2},
        {"at": "2026-03-01T07:00:00Z", "clients": 2},
        {"at": "2026-03-01T08:00:00Z", "clients": 1},
    ]
    assert plain["due"] is None


async def test_of_a_contact_only_one_client_is_counted_when_it_is_due(
    http: AsyncClient, world: World
) -> None:
    await some(world)
    window = {"starts_at": "2026-03-01T05:00:00Z", "ends_at": "2026-03-02T05:00:00Z"}

    found = await previewed(http, gateway="smtp", filter={"one_per_contact": True}, times=window)

    assert sum(each["clients"] for each in found["due"]["times"]) == found["messages"]


@pytest.mark.parametrize(
    ("times", "pointer"),
    [
        ({"nominal": "soon"}, "/times/nominal"),
        ({"time_policy": {"kind": "recipient_local"}}, "/times/time_policy/zone"),
    ],
)
async def test_times_that_no_mailing_can_have_are_refused(
    http: AsyncClient, times: dict[str, Any], pointer: str
) -> None:
    body = {"times": {"ends_at": "2026-03-02T05:00:00Z"} | times}

    answer = await http.post("/audience-previews", json=body)

    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
