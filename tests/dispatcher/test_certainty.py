"""Once an attempt may have arrived: how its message ends, and what is sent again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import policy_for
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import read
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.handlers.sending import Sender
from shared.contracts.dispatcher import MessageAttempted, State
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    fetch,
    give_back,
    lasting,
    numbers,
    reap_all,
    registered,
    work,
)

MINUTE = timedelta(minutes=1)
KINDS = pytest.mark.parametrize("is_idempotent", [True, False])
# As a gateway answers that knows the key, with another content or under way.
CONFLICTS = [Verdict(Outcome.REFUSED, f"status_{n}", n, is_conflict=True) for n in (409, 422)]


async def later(world: World, *senders: Any) -> None:
    """Let a minute pass: retries are due."""
    await world.pass_time(MINUTE)
    for each in senders:
        await give_back(each)
        await work(each)


# How it ends


async def remove_client(world: World, run: Run) -> None:
    assert run
    await world.forget_client(1)


async def stop_mailing(_: World, run: Run) -> None:
    await run.stop()


async def spoil_template(world: World, run: Run) -> None:
    assert run
    await world.rows("UPDATE runs SET body = '{{ nick }}' RETURNING run_id")


async def end_window(world: World, run: Run) -> None:
    assert run
    await world.pass_time(HOUR)


async def lose_phone(world: World, run: Run) -> None:
    assert run
    await world.know(registered(1, phone=None), version=2)


ENDS: dict[str, Callable[[World, Run], Awaitable[None]]] = {
    "client removed": remove_client,
    "mailing stopped": stop_mailing,
    "template invalid": spoil_template,
    "window over": end_window,
}
END = pytest.mark.parametrize("end", ENDS)


@END
@KINDS
@pytest.mark.parametrize("between", [[], [NOT_PROCESSED], [NOT_PROCESSED, NOT_PROCESSED]])
async def test_an_unknown_outcome_is_not_forgotten_whatever_comes_next(
    world: World, end: str, between: list[Verdict], *, is_idempotent: bool
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN, *between]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    for _ in between:
        await later(world, sender)
    assert len(gateway.messages) == 1 + len(between)

    await ENDS[end](world, run)
    await later(world, sender)
    await world.end()

    assert await prove(world.pool) == {State.UNDETERMINED: 1}
    assert await run.status() == "finished"


@KINDS
@pytest.mark.parametrize("between", [[], [NOT_PROCESSED]])
async def test_a_refusal_after_an_unknown_outcome_is_undetermined(
    world: World, between: list[Verdict], *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN, *between, REFUSED]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)

    for _ in (*between, REFUSED):
        await later(world, sender)

    assert await prove(world.pool) == {State.UNDETERMINED: 1}


@KINDS
async def test_a_success_after_an_unknown_outcome_is_delivered(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN, NOT_PROCESSED, ACCEPTED]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)

    await later(world, sender)
    await later(world, sender)

    assert await prove(world.pool) == {State.DELIVERED: 1}


@END
async def test_what_a_dead_sender_may_have_sent_ends_as_undetermined(
    world: World, end: str
) -> None:
    run = await world.plan(3)
    dying = FakeGateway({1: [None]}, connections=1)
    await fetch(await alive(world, dying))
    await reap_all(world)

    await ENDS[end](world, run)
    if end == "client removed":
        await world.forget_client(2)
        await world.forget_client(3)
    await work(await alive(world, FakeGateway()))
    await world.end()

    assert await prove(world.pool) == {State.UNDETERMINED: 3}, "starts were not marked"


@END
async def test_what_a_dead_sender_has_not_marked_was_not_sent(world: World, end: str) -> None:
    run = await world.plan(2)
    dying = FakeGateway({1: [None]}, is_idempotent=False, connections=1)
    await fetch(await alive(world, dying))
    await reap_all(world)
    await ENDS[end](world, run)
    if end == "client removed":
        await world.forget_client(2)

    sender = await alive(world, FakeGateway(is_idempotent=False))
    await work(sender)
    await later(world, sender)
    await world.end()

    counts = await prove(world.pool)
    assert counts[State.UNDETERMINED] == 1
    assert counts.total() == 2
    assert not counts[State.DELIVERED]


@END
@KINDS
async def test_a_retry_that_a_dead_sender_may_have_made_ends_as_undetermined(
    world: World, end: str, *, is_idempotent: bool
) -> None:
    run = await world.plan(1)
    dying = FakeGateway({1: [NOT_PROCESSED, None]}, is_idempotent=is_idempotent)
    sender = await alive(world, dying)
    await work(sender)
    await world.pass_time(MINUTE)
    await give_back(sender)
    await fetch(sender)
    assert len(dying.messages) == 2
    await reap_all(world)

    await ENDS[end](world, run)
    other = await alive(world, FakeGateway(is_idempotent=is_idempotent))
    await later(world, other)
    await world.end()

    assert await prove(world.pool) == {State.UNDETERMINED: 1}


@KINDS
@pytest.mark.parametrize(
    ("last", "state"),
    [
        (ACCEPTED, State.DELIVERED),
        (REFUSED, State.FAILED),
        (NOT_PROCESSED, State.RETRY),
        (UNKNOWN, State.RETRY),
    ],
)
async def test_a_late_refusal_decides_nothing_while_another_sender_has_the_message(
    world: World, last: Verdict, state: State, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    frozen = FakeGateway({1: [None]}, is_idempotent=is_idempotent)
    sender = await alive(world, frozen)
    await fetch(sender)
    await reap_all(world)
    await world.pass_time(MINUTE)
    successor = FakeGateway({1: [None]}, is_idempotent=is_idempotent)
    other = await alive(world, successor)
    await fetch(other)
    assert numbers(successor) == [1]

    frozen.answer(1, REFUSED)
    await sender.record()
    successor.answer(1, last)
    await other.record()

    assert await prove(world.pool) == {state: 1}


# What is sent again


def content(message: OutgoingMessage) -> tuple[Any, ...]:
    """Return what a gateway sees of a message in its body."""
    return message.message_id, message.phone, message.email, message.subject, message.text


CORRECTED = {"phone": "79990000000", "full_name": "Anna", "email": "anna@example.com"}


@KINDS
async def test_after_an_unknown_outcome_the_same_bytes_go_again(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1, body="Hi {{ full_name }}", subject="{{ email }}")
    gateway = FakeGateway({1: [UNKNOWN, NOT_PROCESSED]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    await world.know(registered(1, **CORRECTED), version=2)

    await later(world, sender)
    await later(world, sender)

    first, second, third = map(content, gateway.messages)
    assert first == second == third
    assert await prove(world.pool) == {State.DELIVERED: 1}


@KINDS
async def test_what_certainly_did_not_arrive_goes_again_to_the_newest_contact(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    assert await world.value("SELECT contact FROM exceptions") is None
    await world.know(registered(1, **CORRECTED), version=2)

    await later(world, sender)

    assert gateway.messages[1].phone == CORRECTED["phone"]


@pytest.mark.parametrize("last", [ACCEPTED, REFUSED, "window over", "client removed"])
async def test_the_contact_is_kept_while_it_may_be_used_again_and_no_longer(
    world: World, last: Any
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN, NOT_PROCESSED, last]})
    sender = await alive(world, gateway)
    await work(sender)
    await later(world, sender)
    kept = await world.value("SELECT contact FROM exceptions")
    assert (kept["phone"], kept["full_name"]) == ("79160000001", "Client 1")

    if last in ENDS:
        await ENDS[last](world, run)
    await later(world, sender)
    await world.end()

    assert await world.value("SELECT contact FROM exceptions") is None


async def test_a_client_who_lost_the_phone_gets_the_same_again_if_it_may_have_arrived(
    world: World,
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN]})
    sender = await alive(world, gateway)
    await work(sender)
    await lose_phone(world, run)

    await later(world, sender)

    assert content(gateway.messages[0]) == content(gateway.messages[1])


async def test_a_removed_client_gets_nothing_again(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN]})
    sender = await alive(world, gateway)
    await work(sender)
    await world.forget_client(1)

    await later(world, sender)

    assert len(gateway.messages) == 1


async def test_of_a_removed_client_no_contact_is_kept_though_the_mailing_is_paused(
    world: World,
) -> None:
    run = await world.plan(2)
    await work(await alive(world, FakeGateway({1: [UNKNOWN], 2: [UNKNOWN]})))
    await run.pause()

    await world.forget_client(1)

    rows = await world.rows("SELECT contact FROM exceptions ORDER BY client_id")
    assert [row.contact is None for row in rows] == [True, False]


async def test_a_late_unknown_answer_keeps_the_contact_that_was_used_first(world: World) -> None:
    await world.plan(1)
    frozen = FakeGateway({1: [None]})
    sender = await alive(world, frozen)
    await fetch(sender)
    await reap_all(world)
    await world.know(registered(1, **CORRECTED), version=2)
    gateway = FakeGateway()
    frozen.answer(1, UNKNOWN)
    await sender.record()

    await later(world, await alive(world, gateway))

    assert content(gateway.messages[0]) == content(frozen.messages[0])


async def test_a_late_unknown_answer_takes_no_contact_away_that_is_kept(world: World) -> None:
    await world.plan(1)
    frozen = FakeGateway({1: [None]})
    sender = await alive(world, frozen)
    await fetch(sender)
    await reap_all(world)
    await world.know(registered(1, **CORRECTED), version=2)
    successor = FakeGateway({1: [UNKNOWN]})
    other = await alive(world, successor)
    await work(other)
    frozen.answer(1, UNKNOWN)
    await sender.record()

    await later(world, other)

    first, second = map(content, successor.messages)
    assert first == second != content(frozen.messages[0])


@KINDS
@pytest.mark.parametrize("conflict", CONFLICTS)
async def test_a_conflict_of_a_repeat_is_unknown_and_no_refusal(
    world: World, conflict: Verdict, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN, conflict]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)

    await later(world, sender)

    attempts = [each for each in await told(world.pool) if isinstance(each, MessageAttempted)]
    assert [each.outcome for each in attempts] == ["unknown", "unknown"]
    assert attempts[1].status_code == conflict.status_code
    # An idempotent gateway is asked until it says; a plain one gets no third.
    assert await prove(world.pool) == {State.RETRY if is_idempotent else State.UNDETERMINED: 1}


@KINDS
async def test_a_conflict_of_the_first_attempt_is_a_refusal(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [CONFLICTS[1]]}, is_idempotent=is_idempotent)

    await work(await alive(world, gateway))

    assert await prove(world.pool) == {State.FAILED: 1}


@pytest.mark.parametrize("conflict", CONFLICTS)
async def test_a_conflict_in_a_chunk_of_a_dead_sender_is_unknown(
    world: World, conflict: Verdict
) -> None:
    await world.plan(2)
    await fetch(await alive(world, FakeGateway({1: [None]}, connections=1)))
    await reap_all(world)
    await world.know(registered(1, **CORRECTED), version=2)

    await work(await alive(world, FakeGateway({1: [conflict]})))

    assert await prove(world.pool) == {State.RETRY: 1, State.DELIVERED: 1}


@pytest.mark.parametrize("conflict", CONFLICTS)
async def test_a_conflict_after_an_attempt_was_lost_is_unknown(
    world: World, conflict: Verdict
) -> None:
    await world.plan(1)
    await fetch(await alive(world, FakeGateway({1: [None]}, is_idempotent=False)))
    await reap_all(world)

    await later(world, await alive(world, FakeGateway({1: [conflict]}, is_idempotent=False)))

    assert await prove(world.pool) == {State.UNDETERMINED: 1}


@pytest.mark.parametrize("conflict", CONFLICTS)
async def test_a_late_conflict_may_be_with_what_another_sender_sent(
    world: World, conflict: Verdict
) -> None:
    await world.plan(1)
    frozen = FakeGateway({1: [None]})
    sender = await alive(world, frozen)
    await fetch(sender)
    await reap_all(world)
    successor = FakeGateway({1: [None]})
    other = await alive(world, successor)
    await fetch(other)

    frozen.answer(1, conflict)
    await sender.record()

    (attempt,) = [each for each in await told(world.pool) if isinstance(each, MessageAttempted)]
    assert (attempt.outcome, attempt.state) == ("unknown", State.RETRY)


class StrictGateway(FakeGateway):
    """Takes each key once, with its content, and loses its first answer."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: dict[bytes, tuple[Any, ...]] = {}

    def verdict(self, message: OutgoingMessage) -> Verdict:
        taken = self._taken.get(message.message_id)
        if taken is None:
            self._taken[message.message_id] = content(message)
            return UNKNOWN
        return ACCEPTED if taken == content(message) else CONFLICTS[1]


async def test_at_a_strict_gateway_what_was_taken_is_told_as_delivered(world: World) -> None:
    await world.plan(40)
    gateway = StrictGateway()
    sender = await alive(world, gateway)
    await work(sender)
    for number in range(1, 41):
        await world.know(registered(number, **CORRECTED), version=2)

    for _ in range(7):  # its breaker opened: rounds of 1, 2, 4, ...
        await later(world, sender)

    assert len(gateway.messages) == 80
    assert await prove(world.pool) == {State.DELIVERED: 40}


# A gateway that takes a message and fails then


@asynccontextmanager
async def failing(status: int) -> AsyncIterator[tuple[list[bytes], str]]:
    """Run a server that keeps each request, and answers all of them as a failure."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        taken.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield taken, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def drain(sender: Sender) -> None:
    """Let a sender claim, send and record until there is nothing more to do right now."""
    while await sender.claim() or await sender.mark_and_start() or sender.in_flight:
        while sender.in_flight or len(sender.results):
            await sender.record_when_full()


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize(
    ("not_taken", "resends_unknown", "requests", "state"),
    [
        (frozenset({500, 503}), True, 3, State.RETRY),
        (frozenset[int](), True, 2, State.UNDETERMINED),
        (frozenset[int](), False, 1, State.UNDETERMINED),
    ],
)
async def test_a_plain_gateway_that_takes_and_fails_is_written_to_as_its_settings_say(
    world: World,
    status: int,
    not_taken: frozenset[int],
    requests: int,
    state: State,
    *,
    resends_unknown: bool,
) -> None:
    await world.plan(1)
    async with failing(status) as (taken, url):
        gateway = HttpGateway(url, not_taken=not_taken, resends_unknown=resends_unknown)
        sender = await alive(world, gateway)
        for _ in range(3):
            await drain(sender)
            await world.pass_time(MINUTE)
            await give_back(sender)
        await gateway.close()

    assert len(taken) == requests
    assert len(set(taken)) == 1
    assert await prove(world.pool) == {state: 1}


async def test_a_lost_attempt_goes_again_only_if_unknowns_may(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]}, is_idempotent=False, resends_unknown=False)
    await fetch(await alive(world, gateway))

    await reap_all(world, policies={"http": policy_for(gateway, LIMITS)})

    assert await prove(world.pool) == {State.UNDETERMINED: 1}


# A gateway that can be asked


@asynccontextmanager
async def asked(*, keeps: bool) -> AsyncIterator[tuple[list[str], str]]:
    """Run a server that hangs up on each first POST; it has the message then if it `keeps` it."""
    methods: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        methods.append(head.partition(b" ")[0].decode())
        if methods == ["POST"]:
            writer.close()
            return
        is_there = methods[-1] == "POST" or keeps
        status, body = (200, b'{"id":"g","status":"accepted"}') if is_there else (404, b"{}")
        kind = b"content-type: application/json\r\nconnection: close\r\n"
        head = b"HTTP/1.1 %d x\r\n%bcontent-length: %d\r\n\r\n" % (status, kind, len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield methods, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"


@pytest.mark.parametrize(
    ("keeps", "methods"), [(True, ["POST", "GET"]), (False, ["POST", "GET", "POST"])]
)
async def test_what_may_have_arrived_is_asked_for_before_it_is_sent_again(
    world: World, methods: list[str], *, keeps: bool
) -> None:
    await world.plan(1)
    async with asked(keeps=keeps) as (seen, url):
        lookup = {
            "url": f"{url}/{{{{ id }}}}",
            "not_found": [{"status": [404]}],
            "found": {"status": [200], "pointer": "/status", "values": ["accepted"]},
        }
        described = read({"kind": "http", "url": url, "lookup": lookup, "resends_unknown": False})
        gateway = build("http", described, allows_private=True)
        sender = await alive(world, gateway)
        await drain(sender)
        await later(world, sender)
        await drain(sender)
        await gateway.close()

    assert seen == methods
    assert await prove(world.pool) == {State.DELIVERED: 1}
    attempts = [each for each in await told(world.pool) if isinstance(each, MessageAttempted)]
    last = "found_by_lookup" if keeps else "accepted"
    assert [each.reason for each in attempts] == ["closed", last]


ACCEPTED_LATER = (202, b'{"id":"own-1","state":"queued"}')
QUEUED = (200, b'{"id":"own-1","state":"queued"}')
SENT = (200, b'{"id":"own-1","state":"sent"}')
REJECTED = (200, b'{"id":"own-1","state":"rejected"}')
NOT_THERE = (404, b"{}")
HANGS_UP = None
OWN = "GET /messages/own-1"


@asynccontextmanager
async def saying(answers: Sequence[tuple[int, bytes] | None]) -> AsyncIterator[tuple[Any, str]]:
    """Run a server that gives these answers, one after the other; None: it hangs up."""
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answer = answers[len(lines)]
        lines.append(head.decode().partition(" HTTP")[0])
        if answer is not None:
            status, body = answer
            kind = b"content-type: application/json\r\nconnection: close\r\n"
            head = b"HTTP/1.1 %d x\r\n%bcontent-length: %d\r\n\r\n" % (status, kind, len(body))
            writer.write(head + body)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield lines, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"


@pytest.mark.parametrize(
    ("answers", "resends", "requests", "state"),
    [
        # Asked by the id that it has told, until it says what came of it.
        ([ACCEPTED_LATER, QUEUED, SENT], False, ["POST", OWN, OWN], State.DELIVERED),
        ([ACCEPTED_LATER, REJECTED], False, ["POST", OWN], State.FAILED),
        ([ACCEPTED_LATER, NOT_THERE, SENT], False, ["POST", OWN, "POST"], State.DELIVERED),
        # It has told none: as the mailing or the gateway wants it.
        ([HANGS_UP, SENT], True, ["POST", "POST"], State.DELIVERED),
        ([HANGS_UP], False, ["POST"], State.UNDETERMINED),
        # Of the first attempt nothing is known: what it says of the second is not all.
        ([HANGS_UP, ACCEPTED_LATER, SENT], True, ["POST", "POST", OWN], State.DELIVERED),
        ([HANGS_UP, ACCEPTED_LATER, REJECTED], True, ["POST", "POST", OWN], State.UNDETERMINED),
        ([HANGS_UP, ACCEPTED_LATER, NOT_THERE], True, ["POST", "POST", OWN], State.RETRY),
    ],
)
async def test_a_gateway_is_asked_by_the_id_that_it_has_told(
    world: World,
    answers: Sequence[tuple[int, bytes] | None],
    requests: list[str],
    state: State,
    *,
    resends: bool,
) -> None:
    await world.plan(1)
    async with saying(answers) as (seen, url):
        state_is = {"pointer": "/state"}
        description = {
            "kind": "http",
            "url": url,
            "resends_unknown": resends,
            "request": {"json": {"to": "{{ phone }}"}},
            "answer": {
                "pending": [state_is | {"values": ["queued"]}],
                "accepted": state_is | {"values": ["sent"]},
                "id": "/id",
            },
            "lookup": {
                "url_by_own_id": f"{url}/{{{{ gateway_message_id }}}}",
                "not_found": [{"status": [404]}],
                "refused": [state_is | {"values": ["rejected"]}],
                "pending": [state_is | {"values": ["queued"]}],
                "found": state_is | {"values": ["sent"]},
            },
        }
        gateway = build("http", read(description), allows_private=True)
        sender = await alive(world, gateway, lasting(timeout_s=30))  # half of it to ask
        for turn, _ in enumerate(answers):
            if turn:
                await later(world, sender)
            await drain(sender)
        await gateway.close()

    assert [each.removesuffix(" /messages") for each in seen] == requests
    assert await prove(world.pool) == {state: 1}
