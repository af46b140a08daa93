"""What waits for a decision is shown by the page, and decided with a reason that is in the log."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from structlog.testing import capture_logs

from shared.database import Pool, transaction
from shared.event import Instant
from shared.http import create_app
from shared.testing import FrozenClock

FIRST, SECOND = UUID(int=1), UUID(int=2)
WHY = {"reason": "the reader is mended", "by": "anna"}

LETTERS = text("""
    INSERT INTO dead_letters
        (consumer, topic, partition, "offset", reason, recorded_at, key, is_held)
    VALUES
        ('stats', 'catalog.mailings', 0, 7, 'fails: KeyError', now(), :first, false),
        ('stats', 'catalog.mailings', 0, 9, 'it waits', now(), :first, true),
        ('stats', 'catalog.mailings', 1, 3, 'fails: KeyError', now(), :second, false),
        ('stats,too', 'a,b', 2, 1, 'it is no JSON', now(), NULL, false)
""")
EVENTS = text("""
    INSERT INTO unpublished (recorded_at, topic, key, batches, reason, is_held)
    VALUES
        (now(), 'catalog.mailings', 'one', '', 'MessageSizeTooLarge', false),
        (now(), 'catalog.mailings', 'one', '', 'it waits', true),
        (now(), 'catalog.clients', '\\xff', '', 'InvalidRecord', false),
        (now(), NULL, NULL, '', 'it cannot be decoded', false)
""")
OUTBOX = text("""
    INSERT INTO outbox (recorded_at, batches)
    SELECT clock_timestamp() + shift - n * interval '1 minute', '' FROM clock,
        generate_series(3, 1, -1) AS n
""")


@pytest.fixture
async def http(scheduler_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app("scheduler", (), scheduler_pool, FrozenClock(now), None)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://scheduler/v1") as client:
        yield client


@pytest.fixture(autouse=True)
async def waiting(scheduler_pool: Pool) -> None:
    async with transaction(scheduler_pool) as db:
        await db.execute(LETTERS, {"first": FIRST, "second": SECOND})
        await db.execute(EVENTS)
        await db.execute(OUTBOX)


async def pages(http: AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """Return all items of a list, asked for one by one."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = params | {"limit": 1} | ({"cursor": cursor} if cursor else {})
        answer = await http.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    whole = (await http.get(path, params=params)).json()
    assert (whole["items"], whole["next_cursor"]) == (items, None)
    return items


async def test_dead_letters_are_shown_in_the_order_of_the_log(http: AsyncClient) -> None:
    found = await pages(http, "/dead-letters")

    assert [(each["topic"], each["partition"], each["offset"]) for each in found] == [
        ("catalog.mailings", 0, 7),
        ("catalog.mailings", 0, 9),
        ("catalog.mailings", 1, 3),
        ("a,b", 2, 1),
    ]
    assert [each["is_held"] for each in found] == [False, True, False, False]
    assert found[0]["key"] == str(FIRST)
    assert found[0]["reason"] == "fails: KeyError"


async def test_dead_letters_are_chosen_by_consumer_and_mailing(http: AsyncClient) -> None:
    of_one = await pages(http, "/dead-letters", key=str(FIRST))
    of_other = await pages(http, "/dead-letters", consumer="stats,too")

    assert [each["offset"] for each in of_one] == [7, 9]
    assert [each["offset"] for each in of_other] == [1]


async def test_dead_letters_are_replayed_with_a_reason(http: AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await http.post("/dead-letters/replay", json=WHY | {"key": str(FIRST)})

    assert (answer.status_code, answer.json()) == (200, {"count": 1})
    requested = [each["is_requested"] for each in await pages(http, "/dead-letters")]
    assert requested == [True, False, False, False]
    [line] = [each for each in lines if each["event"] == "operations.decided"]
    assert line.items() >= (WHY | {"what": "replay letters", "count": 1}).items()


async def test_dead_letters_are_given_up_with_a_reason(http: AsyncClient) -> None:
    answer = await http.post("/dead-letters/discard", json=WHY | {"consumer": "stats"})

    assert answer.json() == {"count": 2}
    assert [each["offset"] for each in await pages(http, "/dead-letters")] == [9, 1]


async def test_events_that_were_refused_are_shown_in_the_order_of_publishing(
    http: AsyncClient,
) -> None:
    found = await pages(http, "/outbox/unpublished")

    assert [(each["topic"], each["key"], each["is_held"]) for each in found] == [
        ("catalog.mailings", "one", False),
        ("catalog.mailings", "one", True),
        ("catalog.clients", "\\xff", False),
        (None, None, False),
    ]


async def test_events_that_were_refused_are_published_again_or_given_up(
    http: AsyncClient,
) -> None:
    replayed = await http.post("/outbox/unpublished/replay", json=WHY | {"key": "one"})
    requested = [each["is_requested"] for each in await pages(http, "/outbox/unpublished")]
    given_up = await http.post("/outbox/unpublished/discard", json=WHY)

    assert replayed.json() == {"count": 1}
    assert requested == [True, False, False, False]
    assert given_up.json() == {"count": 3}
    assert [each["is_held"] for each in await pages(http, "/outbox/unpublished")] == [True]


async def test_an_outbox_says_how_old_it_is(http: AsyncClient) -> None:
    found = (await http.get("/outbox")).json()

    assert (found["transactions"], found["refused"], found["held"]) == (3, 3, 1)
    assert 180 <= found["age_s"] < 240


@pytest.mark.parametrize("path", ["/dead-letters", "/outbox/unpublished"])
@pytest.mark.parametrize("what", ["replay", "discard"])
@pytest.mark.parametrize("reason", [None, "", "a\nb", "x" * 501])
async def test_nothing_is_decided_without_a_reason(
    http: AsyncClient, path: str, what: str, reason: str | None
) -> None:
    answer = await http.post(f"{path}/{what}", json={} if reason is None else {"reason": reason})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reason"
    assert not any(each["is_requested"] for each in await pages(http, path))


@pytest.mark.parametrize("path", ["/dead-letters", "/outbox/unpublished"])
@pytest.mark.parametrize("cursor", ["x", "MQ", "LTEsMSxhLGI=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk="])
async def test_a_cursor_of_another_list_is_refused(
    http: AsyncClient, path: str, cursor: str
) -> None:
    answer = await http.get(path, params={"cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (422, "BadCursor")
