"""A test send is one message that goes the way of all, and is in no statistics and no event."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient, Response

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.domain.test_send import TEST_SENDS, WINDOW
from services.dispatcher.handlers import planning, test_sends
from services.dispatcher.handlers.archiving import Retention, archive
from services.dispatcher.routes import routers
from shared import database, ids
from shared.http import create_app
from tests.dispatcher.proof import told
from tests.dispatcher.world import (
    CHANNELS,
    HOUR,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    numbers,
    work,
)

BARE = {"phone": "79161234567", "full_name": "Anna"}
SAID: dict[str, Any] = {"gateway": "http", "body": "Hello {{ full_name }}!"}
DAY = timedelta(days=1)

GATEWAY = """
    INSERT INTO gateways (
        name, gateway_id, kind, contact, description, version_id, version, is_paused, is_removed,
        created_at, changed_at
    ) VALUES (:name, :id, 'http', :contact, '{}', 1, 1, false, false, now(), now()) RETURNING 1
"""


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    for name, contact in (("http", "phone"), ("mail", "email"), ("log", None)):
        key = ids.keyed_id("gateways", name)
        await world.rows(GATEWAY, name=name, id=key, contact=contact)
    app = create_app(
        "dispatcher", routers, world.pool, database.business_clock(world.pool), store=None
    )
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


class Always(FakeGateway):
    """A gateway that answers all the same."""

    def __init__(self, verdict: Verdict, **fields: Any) -> None:
        super().__init__(**fields)
        self._always = verdict

    def verdict(self, message: OutgoingMessage) -> Verdict:  # noqa: ARG002 - whatever it is
        return self._always


async def send(http: AsyncClient, to: dict[str, Any], key: str = "", **fields: Any) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await http.post("/test-sends", json=SAID | fields | {"to": to}, headers=headers)


async def sent(http: AsyncClient, to: dict[str, Any], **fields: Any) -> Any:
    answer = await send(http, to, **fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/test-sends/{answer.json()['run_id']}"
    return answer.json()


async def now(http: AsyncClient, test: Any) -> Any:
    answer = await http.get(f"/test-sends/{test['run_id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def bare_contacts(world: World) -> int:
    count = "SELECT count(*) FROM clients WHERE registered_at = 'infinity'"
    return int(await world.value(count))


async def run_of(world: World, test: Any) -> Run:
    return Run(world, UUID(test["run_id"]), TEST_SENDS)


async def test_a_bare_contact_gets_what_a_mailing_says_and_the_answer_is_shown(
    world: World, http: AsyncClient
) -> None:
    mailing_id = str(ids.new_id())
    test = await sent(http, BARE | {"phone": "8 (916) 123-45-67"}, mailing_id=mailing_id)
    assert (test["status"], test["is_final"], test["client_id"]) == ("planned", False, None)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    [message] = gateway.messages
    assert (message.phone, message.text) == ("79161234567", "Hello Anna!")
    found = await now(http, test)
    assert (found["status"], found["is_final"], found["mailing_id"]) == (
        "delivered",
        True,
        mailing_id,
    )
    [attempt] = [each for each in found["attempts_log"] if each["kind"] == "answer"]
    assert (attempt["status_code"], attempt["gateway_message_id"]) == (200, "gw-1")


async def test_a_client_gets_it_with_what_it_has_now(world: World, http: AsyncClient) -> None:
    await world.know_clients([7])
    test = await sent(http, {"client_id": str(client(7))})
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert numbers(gateway) == [7]
    assert (await now(http, test))["client_id"] == str(client(7))
    ledger = (await http.get(f"/messages/{test['message_id']}")).json()
    assert (ledger["status"], ledger["mailing_id"]) == ("delivered", str(TEST_SENDS))


async def test_a_mail_has_its_subject_html_and_sender(world: World, http: AsyncClient) -> None:
    fields = {"gateway": "mail", "subject": "To {{ full_name }}", "html": "<b>{{ email }}</b>"}
    to = {"email": "anna@example.com", "full_name": "Anna"}
    await sent(http, to, sender="shop@example.com", **fields)
    gateway = FakeGateway()
    gateway.name, gateway.channel = "mail", Channel(contact="email")

    await work(await alive(world, gateway))

    [message] = gateway.messages
    assert (message.email, message.subject) == ("anna@example.com", "To Anna")
    assert (message.html, message.sender) == ("<b>anna@example.com</b>", "shop@example.com")


@pytest.mark.parametrize("verdict", [REFUSED, NOT_PROCESSED, UNKNOWN])
async def test_nothing_of_it_is_published_whatever_becomes_of_it(
    world: World, http: AsyncClient, verdict: Any
) -> None:
    test = await sent(http, BARE)
    gateway = Always(verdict, is_idempotent=False)
    for _ in range(3):
        await work(await alive(world, gateway))
        await world.pass_time(timedelta(minutes=1))
    for move in ("pause", "resume", "stop"):
        await http.post(f"/runs/{test['run_id']}/{move}", json={})
    await world.pass_time(WINDOW)
    await world.end()
    await archive(world.pool, await world.now() + HOUR)

    assert await told(world.pool) == []
    assert (await http.get(f"/test-sends/{test['run_id']}")).status_code == 410
    assert await (await run_of(world, test)).status() == "archived"


async def test_it_is_tried_for_ten_minutes_and_its_run_says_why_it_waits(
    world: World, http: AsyncClient
) -> None:
    test = await sent(http, BARE)
    why = (await http.get(f"/runs/{test['run_id']}/why")).json()
    assert why["code"] == "no_dispatcher"

    await world.pass_time(WINDOW)
    await world.end()

    found = await now(http, test)
    assert (found["status"], found["is_final"]) == ("expired", True)


async def test_it_passes_a_full_queue_of_what_is_not_urgent(
    world: World, http: AsyncClient
) -> None:
    await world.plan(5)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await sender.claim()
    sender.pump()
    test = await sent(http, BARE)

    await sender.claim()
    gateway.is_hanging = False
    gateway.answer(1, NOT_PROCESSED)
    await work(sender)

    second = gateway.messages[1].message_id.decode()
    assert second == test["message_id"]


async def test_no_mailing_goes_to_a_bare_contact(world: World, http: AsyncClient) -> None:
    await world.know_clients([1, 2])
    await sent(http, BARE | {"email": "anna@example.com"})
    runs = [await world.begin_run(), await world.schedule(gateway="log")]

    for run in runs:
        await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass

    for run in runs:
        count = "SELECT planned_count FROM runs WHERE run_id = :run_id"
        assert await world.value(count, run_id=run.run_id) == 2


async def test_it_is_in_no_list_of_runs_but_its_own_and_is_not_resent(
    world: World, http: AsyncClient
) -> None:
    test = await sent(http, BARE)
    assert (await http.get("/runs")).json()["items"] == []

    items = (await http.get("/runs", params={"mailing_id": str(TEST_SENDS)})).json()["items"]
    assert [(each["run_id"], each["priority"]) for each in items] == [(test["run_id"], "urgent")]

    await world.pass_time(WINDOW)
    await world.end()
    body = {"statuses": ["expired"], "dry_run": True}
    answer = await http.post(f"/runs/{test['run_id']}/resend", json=body)
    assert answer.status_code == 404


async def test_a_repeated_request_sends_once_and_another_under_its_key_is_refused(
    world: World, http: AsyncClient
) -> None:
    first, second = [await send(http, BARE, key="spring") for _ in "12"]
    assert (first.status_code, second.json()) == (201, first.json())

    other = await send(http, BARE | {"full_name": "Olga"}, key="spring")
    assert other.status_code == 409
    assert (await send(http, BARE, key="spring", body="Bye")).status_code == 409
    assert await world.value("SELECT count(*) FROM runs") == 1


@pytest.mark.parametrize(
    ("fields", "to", "pointer"),
    [
        ({}, {}, "/to"),
        ({}, {"phone": "123"}, "/to/phone"),
        ({}, {"phone": "79161234567x"}, "/to/phone"),
        ({}, {"email": "nobody"}, "/to/email"),
        ({}, {"email": "a@b.c\r\nBcc: d@e.f"}, "/to/email"),
        ({}, {"email": "anna@example.com"}, "/to/phone"),
        ({}, BARE | {"full_name": "a\nb"}, "/to/full_name"),
        ({}, {"client_id": str(client(1)), "phone": "79161234567"}, "/to/phone"),
        ({"gateway": "mail"}, {"email": "anna@example.com"}, "/subject"),
        ({"gateway": "nowhere"}, BARE, "/gateway"),
        ({"body": "{{ nobody }}"}, BARE, "/body"),
        ({"body": "{% if %}"}, BARE, "/body"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_its_place_and_nothing_is_kept(
    world: World, http: AsyncClient, fields: Any, to: Any, pointer: str
) -> None:
    answer = await send(http, to, **fields)

    assert answer.status_code == 422
    assert pointer in {each["pointer"] for each in answer.json()["errors"]}
    assert await bare_contacts(world) == await world.value("SELECT count(*) FROM runs") == 0


async def test_who_is_no_client_gets_nothing(world: World, http: AsyncClient) -> None:
    await world.know_clients([1])
    await world.forget_client(1)
    await sent(http, BARE)
    bare = await world.value("SELECT client_id FROM clients WHERE registered_at = 'infinity'")

    for client_id in (client(1), client(2), bare):
        answer = await send(http, {"client_id": str(client_id)})
        assert answer.status_code == 404


async def test_a_client_without_the_contact_fails_with_that_reason(
    world: World, http: AsyncClient
) -> None:
    await world.know_clients([1], phone=None)
    test = await sent(http, {"client_id": str(client(1))})

    await work(await alive(world, FakeGateway()))

    found = await now(http, test)
    assert (found["status"], found["reason"]) == ("failed", "no_phone")


@pytest.mark.parametrize(("retention", "kept"), [(None, DAY), (3 * DAY, DAY), (HOUR, HOUR)])
async def test_a_bare_contact_leaves_a_day_after_its_test_or_with_the_run(
    world: World, http: AsyncClient, retention: timedelta | None, kept: timedelta
) -> None:
    await sent(http, BARE)
    ours = Retention(world.pool, retention)
    await world.pass_time(2 * DAY)
    assert not await test_sends.erase_old(ours)  # it has not ended
    await world.end()
    await world.pass_time(kept - timedelta(minutes=1))
    assert (await test_sends.erase_old(ours), await bare_contacts(world)) == (False, 1)

    await world.pass_time(timedelta(minutes=2))

    assert (await test_sends.erase_old(ours), await bare_contacts(world)) == (True, 0)


async def test_who_erases_a_bare_contact_cancels_what_was_not_sent(
    world: World, http: AsyncClient
) -> None:
    test = await sent(http, BARE)

    answers = [await http.delete(f"/test-sends/{test['run_id']}/contact") for _ in "12"]
    gateway = FakeGateway()
    await work(await alive(world, gateway))

    assert [each.status_code for each in answers] == [204, 204]
    assert (await bare_contacts(world), gateway.messages) == (0, [])
    assert (await now(http, test))["reason"] == "client_removed"
    unknown = await http.delete(f"/test-sends/{ids.new_id()}/contact")
    assert unknown.status_code == 404


async def test_a_kept_contact_of_a_repeat_is_erased_too(world: World, http: AsyncClient) -> None:
    test = await sent(http, BARE)
    gateway = Always(UNKNOWN)
    await work(await alive(world, gateway))
    kept = "SELECT count(contact) FROM exceptions"
    assert await world.value(kept) == 1

    await http.delete(f"/test-sends/{test['run_id']}/contact")

    assert await world.value(kept) == 0


@pytest.mark.parametrize("of_bare", [{"phone": "79160000001"}, {"email": "one@example.com"}])
async def test_who_is_removed_from_the_catalog_leaves_test_sends_as_well(
    world: World, http: AsyncClient, of_bare: dict[str, str]
) -> None:
    await world.know_clients([1], email="one@example.com")
    fields = {"gateway": "log"}
    await sent(http, of_bare, **fields)
    await sent(http, {"phone": "79169999999"}, **fields)

    await world.forget_client(1)

    assert await bare_contacts(world) == 1


async def test_what_no_test_send_is_is_unknown(world: World, http: AsyncClient) -> None:
    run = await world.plan(1)

    for run_id in (run.run_id, ids.new_id(), ids.id_of_test_send()):
        assert (await http.get(f"/test-sends/{run_id}")).status_code == 404


def test_an_identifier_says_whether_its_run_is_a_test() -> None:
    test, run = ids.id_of_test_send(), ids.run_id(TEST_SENDS, "once")

    again = ids.id_of_test_send("key")
    assert (ids.is_test_send(test), test.version, ids.is_test_send(again)) == (True, 8, True)
    assert ids.id_of_test_send("key") == ids.id_of_test_send("key")
    assert not any(map(ids.is_test_send, (run, ids.new_id(), TEST_SENDS)))
