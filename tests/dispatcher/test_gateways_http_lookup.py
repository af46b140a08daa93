"""Look-ups: a gateway is asked for what may have arrived, before anything is sent again."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway, policy_for
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import HttpDescription, read
from tests.dispatcher import garbage_http
from tests.dispatcher.world import LIMITS

FRESH = OutgoingMessage(b"m" * 43, "79161234567", None, None, "Good day", b"")
AGAIN = replace(FRESH, unknowns=1)
ACCEPTED = b'{"id":"g-1","status":"accepted"}'
LOOKUP = {
    "url": "http://HOST/messages/{{ id }}?n={{ numeric_id }}",
    "headers": {"X-Key": "{{ secrets.key }}"},
    "not_found": [{"status": [404], "pointer": "/error", "values": ["no_such_message"]}],
    "refused": [{"status": [200], "pointer": "/status", "values": ["rejected"]}],
    "found": {"status": [200], "pointer": "/status", "values": ["accepted", "delivered"]},
    "id": "/id",
}
DESCRIBED = {
    "kind": "http",
    "url": "http://HOST/messages",
    "token": {"env": "SMS_TOKEN"},
    "secrets": {"key": {"env": "SMS_KEY"}},
    "lookup": LOOKUP,
}

FOUND = b'{"id":"g-1","status":"delivered"}'
REJECTED = b'{"id":"g-1","status":"rejected"}'
MISSING = b'{"error":"no_such_message"}'


@dataclass
class Provider:
    """A provider in this process, which says of a message what it is told to say."""

    says: tuple[int, bytes] | None = (404, MISSING)  # None: nothing at all
    answers: tuple[int, bytes] | None = (200, ACCEPTED)
    closes: bool = False  # after each answer
    heads: list[str] = field(default_factory=list)
    on_request: Callable[[], None] = lambda: None

    @property
    def methods(self) -> list[str]:
        return [each.partition(" ")[0] for each in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
                length = head.partition("Content-Length: ")[2].split("\r")[0]
                await reader.readexactly(int(length or 0))
                self.heads.append(head)
                self.on_request()
                answer = self.says if head.startswith("GET ") else self.answers
                if answer is None:
                    continue
                status, body = answer
                close = b"Connection: close\r\n" if self.closes else b""
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%b"
                    b"Content-Length: %d\r\n\r\n%b" % (status, close, len(body), body)
                )
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def described(host: str, by_own_id: str | None = None, **fields: Any) -> HttpDescription:
    lookup = LOOKUP | {"url": str(LOOKUP["url"]).replace("HOST", host)}
    if by_own_id is not None:
        lookup |= {"url_by_own_id": f"http://{host}{by_own_id}"}
    url = f"http://{host}/messages"
    found = read(DESCRIBED | {"url": url, "lookup": lookup} | fields)
    assert isinstance(found, HttpDescription)
    return found


@asynccontextmanager
async def opened(
    provider: Provider | None = None, **fields: Any
) -> AsyncIterator[tuple[Gateway, Provider]]:
    provider = provider or Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gateway = build("sms", described(host, **fields), allows_private=True)
    try:
        yield gateway, provider
    finally:
        await gateway.close()
        server.close()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TOKEN", "t0ken")
    monkeypatch.setenv("SMS_KEY", "k3y")


def begin(
    gateway: Gateway, message: OutgoingMessage = AGAIN, within: float = 60
) -> asyncio.Future[Verdict]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(message, loop.time() + within, done.set_result)
    assert not done.done()
    return done


async def test_a_fresh_message_is_sent_without_being_asked_for() -> None:
    async with opened() as (gateway, provider):
        verdict = await begin(gateway, FRESH)

    assert (verdict.outcome, provider.methods) == (Outcome.ACCEPTED, ["POST"])


async def test_a_message_that_is_found_is_accepted_and_not_sent_again() -> None:
    async with opened() as (gateway, provider):
        provider.says = 200, FOUND
        verdict = await begin(gateway)

    assert verdict == Verdict(Outcome.ACCEPTED, "found_by_lookup", 200, "g-1", FOUND.decode())
    (head,) = provider.heads
    line, *headers = head.split("\r\n")
    assert line.startswith(f"GET /messages/{'m' * 43}?n=")
    assert {"Authorization: Bearer t0ken", "X-Key: k3y", "Accept: application/json"} < set(headers)
    assert "Content-Length" not in head


async def test_a_message_that_is_not_found_is_sent_in_the_same_attempt() -> None:
    async with opened() as (gateway, provider):
        verdict = await begin(gateway)

    assert (verdict.outcome, verdict.reason) == (Outcome.ACCEPTED, "accepted")
    assert provider.methods == ["GET", "POST"]


async def test_a_message_that_was_refused_is_refused_for_all_attempts() -> None:
    async with opened() as (gateway, provider):
        provider.says = 200, REJECTED
        verdict = await begin(gateway)

    assert (verdict.outcome, verdict.reason) == (Outcome.REFUSED, "refused_by_lookup")
    assert verdict.is_of_all
    assert provider.methods == ["GET"]


@pytest.mark.parametrize(
    ("says", "reason", "is_fault"),
    [
        ((200, b"<html>"), "lookup_contract_violation", False),
        ((200, b'{"status":"queued?"}'), "lookup_contract_violation", False),
        ((404, b"<html>"), "lookup_status_404", False),
        ((404, b"{}"), "lookup_status_404", False),
        ((409, b"{}"), "lookup_status_409", False),
        ((500, b""), "lookup_status_500", False),
        ((503, MISSING), "lookup_status_503", False),
        ((401, b""), "lookup_unauthorized", True),
        ((302, b""), "lookup_redirect", True),
    ],
)
async def test_while_nobody_says_whether_a_message_arrived_it_is_not_sent(
    says: tuple[int, bytes], reason: str, *, is_fault: bool
) -> None:
    async with opened() as (gateway, provider):
        provider.says = says
        verdict = await begin(gateway)

    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_PROCESSED, reason)
    assert (verdict.fault, verdict.is_conflict, verdict.is_of_message) == (is_fault, False, False)
    assert provider.methods == ["GET"]


async def test_to_ask_may_take_half_of_the_time() -> None:
    loop = asyncio.get_running_loop()
    async with opened() as (gateway, provider):
        provider.says = None
        begun = loop.time()
        verdict = await begin(gateway, within=6)
        took = loop.time() - begun

    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_PROCESSED, "lookup_timeout")
    assert provider.methods == ["GET"]
    assert took < 5  # a busy machine is late


async def test_what_is_sent_after_a_look_up_and_not_answered_is_unknown() -> None:
    async with opened() as (gateway, provider):
        provider.answers = None
        verdict = await begin(gateway, within=0.3)

    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "timeout")
    assert provider.methods == ["GET", "POST"]


async def test_a_look_up_whose_connection_closes_keeps_its_place_for_the_message() -> None:
    async with opened(max_connections=1) as (gateway, provider):
        provider.closes = True
        free = []
        provider.on_request = lambda: free.append(gateway.free)
        sent = begin(gateway)
        while not sent.done():
            free.append(gateway.free)
            await asyncio.sleep(0)
        verdict = await sent

    assert verdict.outcome is Outcome.ACCEPTED
    assert provider.methods == ["GET", "POST"]
    assert set(free[:-1]) == {0}


async def test_what_waits_for_a_connection_ends_at_its_deadline() -> None:
    async with opened(max_connections=1) as (gateway, provider):
        sent = begin(gateway, within=0.4)
        provider.on_request = lambda: hold(gateway)
        verdict = await sent

    assert verdict == Verdict(Outcome.NOT_PROCESSED, "timeout")
    assert provider.methods == ["GET"]


def hold(gateway: Gateway) -> None:
    """Let no connection of a gateway be free any more."""
    client = gateway._client  # type: ignore[attr-defined]  # noqa: SLF001 - a place that is lost
    client._limit = -1_000  # noqa: SLF001 - the same


@pytest.mark.parametrize("phase", ["asking", "waiting", "sending"])
async def test_close_ends_each_phase_once(phase: str) -> None:
    ended = Counter[str]()
    loop = asyncio.get_running_loop()
    async with opened(max_connections=4) as (gateway, provider):
        reached = asyncio.Event()
        provider.on_request = reached.set
        if phase == "asking":
            provider.says = None
        elif phase == "sending":
            provider.answers = None
            provider.on_request = lambda: reached.set() if "POST" in provider.methods else None
        gateway.send(AGAIN, loop.time() + 60, lambda verdict: ended.update([verdict.reason]))
        if phase == "waiting":
            provider.on_request = lambda: hold(gateway)
            async with asyncio.timeout(60):
                while not gateway._waiting:  # type: ignore[attr-defined]  # noqa: ASYNC110, SLF001
                    await asyncio.sleep(0)
        else:
            async with asyncio.timeout(60):
                await reached.wait()

        await gateway.close()
        await gateway.close()

    reasons = {"asking": "lookup_cut_off", "waiting": "cut_off", "sending": "cut_off"}
    assert ended == {reasons[phase]: 1}


async def test_a_secret_that_a_look_up_repeats_is_kept_nowhere() -> None:
    async with opened() as (gateway, provider):
        provider.says = 200, b'{"id":"k3y","status":"delivered"}'
        verdict = await begin(gateway)

    assert verdict == Verdict(Outcome.ACCEPTED, "found_by_lookup", 200)


async def test_what_may_have_arrived_goes_to_a_gateway_that_can_be_asked_until_that_answers() -> (
    None
):
    async with opened() as (gateway, _):
        assert (gateway.looks_up, gateway.is_idempotent) == (True, False)
        assert policy_for(gateway, LIMITS).allows(100)
    async with opened(lookup=None) as (gateway, _):
        assert not gateway.looks_up
        assert not policy_for(gateway, LIMITS).allows(2)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"url": "http://elsewhere.example/{{ id }}"}, "same scheme, host and port"),
        ({"url": "https://sms.example/{{ id }}"}, "same scheme, host and port"),
        ({"url": "http://sms.example:81/{{ id }}"}, "same scheme, host and port"),
        ({"url": "http://sms.example/{{ text }}"}, "in its path"),
        ({"url": "http://sms.example/{{ secrets.other }}"}, "not among the secrets"),
        ({"headers": {"Host": "x"}}, "host is not"),
        ({"headers": {"Authorization": "x"}}, "one login"),
        ({"not_found": []}, "not_found"),
        ({"found": {}}, "told by status"),
        ({"url": None}, "url, url_by_own_id or both"),
        ({"url": "http://sms.example/{{ gateway_message_id }}"}, "has none but"),
        ({"url_by_own_id": "http://sms.example/{{ id }}"}, "url is enough"),
        ({"url_by_own_id": "http://sms.example/{{ gateway_message_id }}"}, "needs answer.id"),
    ],
)
def test_a_look_up_that_could_not_be_asked_is_refused(fields: dict[str, Any], reason: str) -> None:
    lookup = LOOKUP | {"url": "http://sms.example/{{ id }}"} | fields

    with pytest.raises(ValidationError, match=reason):
        described("sms.example", lookup=lookup)


class GarbageProvider(Provider):
    """A provider that answers each look-up with the kind of garbage that the message's id has."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
                self.heads.append(head)
                garbage = GARBAGE[int(head.partition("/messages/")[2][:43])]
                writer.write(garbage.raw)
                await writer.drain()
                if garbage.closes:
                    break
        writer.close()


GARBAGE = list(garbage_http.KINDS.values())


async def test_no_garbage_says_that_a_message_is_there_or_that_it_is_not() -> None:
    provider = GarbageProvider()
    async with opened(provider, max_connections=64) as (gateway, _):
        for number, garbage in enumerate(GARBAGE):
            message = replace(AGAIN, message_id=b"%043d" % number)
            verdict = await begin(gateway, message, within=0.4)
            if verdict.outcome is not Outcome.NOT_PROCESSED:
                # It is as described, if not as our own contract has it.
                assert garbage.failure is None
                words = {Outcome.ACCEPTED: b"accepted", Outcome.REFUSED: b"rejected"}
                body = garbage.raw.partition(b"\r\n\r\n")[2]
                assert json.loads(body)["status"].encode() == words[verdict.outcome]

    assert provider.methods == ["GET"] * len(GARBAGE)


ANSWER = {"accepted": {"status": [200]}, "id": "/id"}
BY_OWN_ID = "/status?of={{ gateway_message_id }}"


@pytest.mark.parametrize(
    ("own_id", "asked"), [("g/1 &", "/status?of=g%2F1%20%26"), (None, f"/messages/{'m' * 43}?n=")]
)
async def test_a_gateway_is_asked_by_our_id_as_long_as_its_own_is_not_known(
    own_id: str | None, asked: str
) -> None:
    async with opened(answer=ANSWER, by_own_id=BY_OWN_ID) as (gateway, provider):
        provider.says = 200, FOUND
        verdict = await begin(gateway, replace(AGAIN, gateway_message_id=own_id))

    assert verdict.reason == "found_by_lookup"
    assert [each.split(" ")[1].startswith(asked) for each in provider.heads] == [True]


async def test_what_it_says_by_its_own_id_is_of_one_attempt() -> None:
    own = replace(AGAIN, gateway_message_id="g-1", unknowns=2)
    async with opened(answer=ANSWER, by_own_id=BY_OWN_ID) as (gateway, provider):
        missing = await begin(gateway, own)
        provider.says = 200, REJECTED
        rejected = await begin(gateway, own)
        only = await begin(gateway, replace(own, unknowns=1))

    assert (missing.outcome, missing.reason) == (Outcome.NOT_PROCESSED, "lookup_not_found")
    assert (rejected.outcome, rejected.is_of_all) == (Outcome.REFUSED, False)
    assert only.is_of_all
    assert provider.methods == ["GET"] * 3


def test_what_is_pending_needs_a_look_up() -> None:
    answer = ANSWER | {"pending": [{"status": [202]}]}

    with pytest.raises(ValidationError, match="needs a lookup"):
        described("sms.example", answer=answer, lookup=None)
