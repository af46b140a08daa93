"""Erasing: nothing of a person stays in the ledger, whatever was recorded and whenever it came."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.domain.erasing import ERASED, Texts, without
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.gateways.log_file import erase_lines
from services.dispatcher.handlers.erasing import LogEraser, erase_due
from services.dispatcher.routes import routers
from shared import database, ids
from shared.contracts.catalog import ClientRemoved
from shared.contracts.dispatcher import State
from shared.http import create_app
from tests.dispatcher.proof import prove
from tests.dispatcher.test_handlers_test_sends import send
from tests.dispatcher.world import UNKNOWN, FakeGateway, World, alive, client, work

PHONE, EMAIL, NAME = "79995557130", "canary@serinus.example", "Canary Serinus"
HINTS = ("9995557130", "anary", "erinus")
ECHO = f"to {PHONE}, {NAME}"

ACCEPTED = Verdict(Outcome.ACCEPTED, "accepted", 200, f"id-{PHONE}", ECHO)
REFUSED = Verdict(Outcome.REFUSED, "status_400", 400, None, ECHO)
LATE = timedelta()  # nothing comes any more


async def know_person(world: World, number: int = 1) -> None:
    await world.know_clients([number], phone=PHONE, email=EMAIL, full_name=NAME, comment=NAME)


async def erased(world: World, number: int = 1) -> None:
    """Hear that a client is erased."""
    event = ClientRemoved(client_id=client(number), is_erased=True)
    await world.know(event, event, version=1_000)


async def erase_all(world: World, settling: timedelta = LATE) -> None:
    """Let the worker do all that is due."""
    while await erase_due(world.pool, settling):
        pass


async def tables_naming(world: World) -> set[str]:
    """Return the tables in whose rows the person is found."""
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    found = set()
    for (table,) in await world.rows(names):
        rows = await world.rows(f"SELECT CAST(to_jsonb(t) AS text) FROM {table} AS t")
        if any(hint in row for (row,) in rows for hint in HINTS):
            found.add(table)
    return found


async def test_what_gateways_said_is_erased_and_that_they_said_it_stays(world: World) -> None:
    await know_person(world)
    await world.know_clients([2])
    await world.plan()
    await work(await alive(world, FakeGateway({1: [ACCEPTED]})))
    assert await tables_naming(world) == {"clients", "attempts"}

    await erased(world)
    await erase_all(world)

    assert await tables_naming(world) == set()
    assert await prove(world.pool) == {State.DELIVERED: 2}
    answer, own_id, reason = (
        await world.rows(
            "SELECT answer, gateway_message_id, reason FROM attempts WHERE kind = 'answer'"
        )
    )[0]
    assert (answer, own_id, reason) == (ERASED, None, "accepted")


async def test_an_answer_in_a_block_is_erased_beside_those_of_others(world: World) -> None:
    await know_person(world)
    await world.know_clients([2, 3])
    await world.plan()
    # Nothing that we recognize as the person's; so it is recorded with the others'.
    own = Verdict(Outcome.ACCEPTED, "accepted", 200, "gw-one", "hello C-a-n-a-r-y")
    usual = [Verdict(Outcome.ACCEPTED, "accepted", 200, f"gw-{n}", "{}") for n in (2, 3)]
    await work(await alive(world, FakeGateway({1: [own], 2: [usual[0]], 3: [usual[1]]})))
    [(block,)] = await world.rows("SELECT CAST(to_jsonb(b) AS text) FROM blocks b")
    assert "C-a-n-a-r-y" in block
    assert "gw-one" in block

    await erased(world)
    await erase_all(world)

    shown = "SELECT gateway_message_id, answer FROM all_attempts ORDER BY client_id"
    assert [tuple(row) for row in await world.rows(shown)] == [
        (None, ERASED),
        ("gw-2", "{}"),
        ("gw-3", "{}"),
    ]
    [(block,)] = await world.rows("SELECT CAST(to_jsonb(b) AS text) FROM blocks b")
    assert "C-a-n-a-r-y" not in block
    assert "gw-one" not in block


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Texts(None, "{}", None), Texts(None, "{}", f"\x1f{ERASED}\x1f")),
        (Texts("a\x1fb\x1fc", "{}", None), Texts("a\x1f\x1fc", "{}", f"\x1f{ERASED}\x1f")),
        (Texts(None, "{}", "\x1fx\x1f"), Texts(None, "{}", f"\x1f{ERASED}\x1f")),
        (Texts(None, "own", "x\x1f\x1fy"), Texts(None, ERASED, f"x\x1f{ERASED}\x1fy")),
    ],
)
def test_of_a_block_only_the_texts_of_one_are_erased(before: Texts, after: Texts) -> None:
    assert without(before, 2, 3) == after
    assert without(after, 2, 3) == after


async def test_a_message_that_waits_for_a_repetition_is_undetermined(world: World) -> None:
    await know_person(world)
    await world.plan()
    await work(await alive(world, FakeGateway({1: [UNKNOWN]}, is_idempotent=True)))
    assert await tables_naming(world) == {"clients", "exceptions"}

    await erased(world)
    await erase_all(world)

    assert await tables_naming(world) == set()
    assert await prove(world.pool) == {State.UNDETERMINED: 1}


async def test_one_of_which_nothing_can_have_arrived_is_cancelled(world: World) -> None:
    await know_person(world)
    await world.plan()
    not_processed = Verdict(Outcome.NOT_PROCESSED, "status_500", 500, None, ECHO)
    await work(await alive(world, FakeGateway({1: [not_processed]})))

    await erased(world)
    await erase_all(world)

    assert await tables_naming(world) == set()
    assert await prove(world.pool) == {State.CANCELLED: 1}


async def test_an_answer_that_comes_afterwards_is_erased_before_it_is_settled(
    world: World,
) -> None:
    await know_person(world)
    await world.plan()
    gateway = FakeGateway({1: [None]})
    sender = await alive(world, gateway)
    await work(sender)
    await erased(world)
    await erase_all(world)
    assert await world.value("SELECT count(*) FROM erasures WHERE settled_at IS NULL") == 1

    gateway.answer(1, REFUSED)
    await work(sender)
    assert await tables_naming(world) == {"attempts"}
    await world.rows("UPDATE erasures SET next_at = clock_timestamp() RETURNING 1")
    await erase_all(world)

    assert await tables_naming(world) == set()
    assert await world.value("SELECT count(*) FROM erasures WHERE settled_at IS NULL") == 0


async def test_it_is_searched_again_until_no_answer_can_come(world: World) -> None:
    await know_person(world)
    await erased(world)

    assert await erase_due(world.pool, timedelta(hours=1))
    assert not await erase_due(world.pool, timedelta(hours=1))
    await world.rows("UPDATE erasures SET next_at = clock_timestamp() RETURNING 1")
    assert await erase_due(world.pool, LATE)
    await world.rows("UPDATE erasures SET next_at = clock_timestamp() RETURNING 1")
    assert not await erase_due(world.pool, LATE)


async def test_a_removal_keeps_what_was_said(world: World) -> None:
    await know_person(world)
    await world.plan()
    await work(await alive(world, FakeGateway({1: [REFUSED]})))

    await world.forget_client(1)
    await erase_all(world)

    assert await tables_naming(world) == {"attempts"}


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    insert = """
        INSERT INTO gateways (
            name, gateway_id, kind, contact, description, version_id, version, is_paused,
            is_removed, created_at, changed_at
        ) VALUES ('http', :id, 'http', 'phone', '{}', 1, 1, false, false, now(), now())
        RETURNING 1
    """
    await world.rows(insert, id=ids.keyed_id("gateways", "http"))
    app = create_app(
        "dispatcher", routers, world.pool, database.business_clock(world.pool), store=None
    )
    async with AsyncClient(transport=ASGITransport(app), base_url="http://dispatcher/v1") as found:
        yield found


async def test_test_sends_to_the_same_contact_are_erased_with_what_came_of_them(
    world: World, http: AsyncClient
) -> None:
    await know_person(world)
    to = {"phone": PHONE, "full_name": NAME}
    assert (await send(http, to)).status_code == 201
    echo = Verdict(Outcome.REFUSED, "status_400", 400, None, ECHO)

    class Echo(FakeGateway):
        def verdict(self, message: Any) -> Verdict:  # noqa: ARG002 - whatever it is
            return echo

    await work(await alive(world, Echo()))
    assert await tables_naming(world) == {"clients", "attempts"}

    await erased(world)
    await erase_all(world)

    assert await tables_naming(world) == set()


async def test_a_subject_gets_its_messages_with_what_was_said(
    world: World, http: AsyncClient
) -> None:
    await know_person(world)
    await world.plan()
    await work(await alive(world, FakeGateway({1: [REFUSED]})))
    assert (await send(http, {"phone": PHONE, "full_name": NAME})).status_code == 201
    await world.plan()
    path = f"/clients/{client(1)}/subject-data"

    first = (await http.get(path, params={"limit": 1})).json()
    cursor = first["next_cursor"]
    second = (await http.get(path, params={"limit": 1, "cursor": cursor})).json()

    assert (first["copy"]["phone"], first["copy"]["full_name"]) == (PHONE, NAME)
    assert [each["to"]["phone"] for each in first["test_sends"]] == [PHONE]
    messages = first["messages"] + second["messages"]
    assert {each["status"] for each in messages} == {"planned", "failed"}
    [log] = [each["attempts_log"] for each in messages if each["attempts_log"]]
    assert ECHO in {each["answer"] for each in log}
    await erased(world)
    await erase_all(world)
    after = (await http.get(path)).json()
    assert (after["copy"], after["test_sends"]) == (None, [])
    assert not any(hint in str(after) for hint in HINTS)


def line(number: int, text: str) -> bytes:
    message_id = ids.message_id(ids.new_id(), client(number))
    return (f'{{"id":"{message_id}","phone":"{PHONE}","text":"{text}"}}\n').encode()


def test_lines_of_a_client_are_erased_from_the_file_and_those_before_it(tmp_path: Path) -> None:
    path = tmp_path / "messages.log"
    kept, torn = line(2, "other"), line(1, "x")[:60]
    path.write_bytes(line(1, NAME) + kept + line(1, NAME) + torn)
    before = tmp_path / "messages.log.2"
    before.write_bytes(kept + line(1, NAME))
    sizes = path.stat().st_size, before.stat().st_size

    assert erase_lines(path, 2, {client(1)}) == 3
    assert erase_lines(path, 2, {client(1)}) == 0

    assert (path.stat().st_size, before.stat().st_size) == sizes
    assert path.read_bytes().splitlines(keepends=True)[1::2] == [kept, torn]
    assert NAME.encode() not in path.read_bytes() + before.read_bytes()
    assert path.read_bytes().splitlines()[0].rstrip().endswith(b'"erased":true}')


async def test_each_dispatcher_erases_the_lines_on_its_own_disk_also_those_that_come_late(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "messages.log"
    insert = """
        INSERT INTO gateways (
            name, gateway_id, kind, description, version_id, version, is_paused, is_removed,
            created_at, changed_at
        ) VALUES (
            'log', :id, 'log', jsonb_build_object('kind', 'log', 'path', CAST(:path AS text)),
            1, 1, false, true, now(), now()
        ) RETURNING 1
    """
    await world.rows(insert, id=ids.keyed_id("gateways", "log"), path=str(path))
    await know_person(world)
    eraser = LogEraser(world.pool)
    path.write_bytes(line(1, NAME))
    await erased(world)
    await eraser.erase_new()
    assert NAME.encode() not in path.read_bytes()

    path.write_bytes(line(1, NAME))
    await erase_all(world)
    await eraser.erase_new()

    assert NAME.encode() not in path.read_bytes()
    path.write_bytes(line(1, NAME))
    await LogEraser(world.pool).erase_new()
    assert NAME.encode() not in path.read_bytes(), "one that starts does all again"
