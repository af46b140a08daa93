"""What the HTTP gateway sends, and what it makes of answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.contract import judge
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.gateways.http.retry_after import retry_after_s
from tests.dispatcher.garbage_http import BODIES

MESSAGE_ID = b"A-_z0123456789012345678901234567890123456789"[:43]
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LETTER = OutgoingMessage(MESSAGE_ID, "79161234567", None, None, "Привет", TRACEPARENT)
ACCEPTED = b'{"id":"g-1","status":"accepted"}'


def answered(
    status: int,
    body: bytes = ACCEPTED,
    content_type: str = "application/json",
    encoding: str = "",
) -> Answer:
    return Answer(status, content_type, body, None, was_sent=True, content_encoding=encoding)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/json ;x"]
)
def test_the_contracts_answer_is_accepted(status: int, content_type: str) -> None:
    verdict = judge(answered(status, content_type=content_type))

    text = ACCEPTED.decode()
    assert verdict == Verdict(Outcome.ACCEPTED, "accepted", status, "g-1", text)


@pytest.mark.parametrize("not_taken", [set(), {500}, {503}, {500, 503}])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_failure_is_certain_only_if_the_gateway_says_so(
    status: int, not_taken: set[int]
) -> None:
    verdict = judge(answered(status), frozenset(not_taken))

    is_certain = status in not_taken
    assert verdict.outcome is (Outcome.NOT_PROCESSED if is_certain else Outcome.UNKNOWN)
    assert (verdict.reason, verdict.status_code) == (f"status_{status}", status)


@pytest.mark.parametrize(
    ("status", "is_conflict"), [(409, True), (422, True), (400, False), (500, False)]
)
def test_a_conflict_is_what_a_used_key_may_be_answered_with(
    status: int, *, is_conflict: bool
) -> None:
    assert judge(answered(status)).is_conflict == is_conflict


def test_more_fields_than_the_contracts_do_no_harm() -> None:
    body = b'{"status": "accepted", "price": {"amount": 1}, "id": "g-1"}'

    assert judge(answered(200, body)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_success_without_the_contracts_body_is_unknown(body: bytes) -> None:
    verdict = judge(answered(200, body))

    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "contract_violation")
    assert (verdict.status_code, verdict.gateway_message_id) == (200, None)


@pytest.mark.parametrize(
    "answer",
    [
        answered(200, content_type=""),
        answered(200, content_type="text/html"),
        answered(200, content_type="application/jsonx"),
        answered(200, content_type="application/json, application/json"),
        answered(200, encoding="gzip"),
        answered(200, encoding="identity, gzip"),
    ],
)
def test_a_success_of_another_type_or_coding_is_unknown(answer: Answer) -> None:
    verdict = judge(answer)

    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "contract_violation")


def test_identity_is_no_coding() -> None:
    assert judge(answered(200, encoding="Identity")).outcome is Outcome.ACCEPTED


STATUSES = [
    *((status, Outcome.UNKNOWN, "contract_violation") for status in (203, 204, 205, 206, 299)),
    *((status, Outcome.NOT_PROCESSED, "redirect") for status in (300, 301, 302, 304, 307, 308)),
    *((status, Outcome.NOT_PROCESSED, "unauthorized") for status in (401, 403)),
    *((status, Outcome.NOT_PROCESSED, f"status_{status}") for status in (408, 425, 429, 500, 503)),
    *(
        (status, Outcome.REFUSED, f"status_{status}")
        for status in (400, 402, 404, 405, 410, 413, 422, 451, 499)
    ),
    *(
        (status, Outcome.UNKNOWN, f"status_{status}")
        for status in (409, 501, 502, 504, 505, 520, 599)
    ),
]


@pytest.mark.parametrize(("status", "outcome", "reason"), STATUSES)
def test_each_status_has_its_meaning_whatever_the_body(
    status: int, outcome: Outcome, reason: str
) -> None:
    for body, content_type in ((ACCEPTED, "application/json"), (b"", ""), (b"\0", "text/html")):
        verdict = judge(answered(status, body, content_type))

        assert (verdict.outcome, verdict.reason) == (outcome, reason)
        assert (verdict.status_code, verdict.gateway_message_id) == (status, None)


SENT_FAILURES = ["timeout", "reset", "closed", "truncated", "malformed", "too_large", "cut_off"]
UNSENT_FAILURES = ["connect_failed", "connect_timeout", "tls_failed", "timeout", "cut_off"]


@pytest.mark.parametrize("failure", SENT_FAILURES)
def test_after_a_failure_of_a_sent_request_nobody_knows(failure: str) -> None:
    verdict = judge(Answer(200, "", b"part", failure, was_sent=True))

    assert verdict == Verdict(Outcome.UNKNOWN, failure, 200, None, "part")


@pytest.mark.parametrize("failure", UNSENT_FAILURES)
def test_a_request_that_was_not_sent_was_not_processed(failure: str) -> None:
    verdict = judge(Answer(None, "", b"", failure, was_sent=False))

    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_PROCESSED, failure)
    assert verdict.fault == (failure in {"dns_failed", "tls_failed"})


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"a\0b\x1b[31mc\x7f", "a\ufffdb\ufffd[31mc\ufffd"),
        (b'{\r\n\t"a": 1}', '{   "a": 1}'),
        ("\x85".encode(), "\ufffd"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("я".encode() * 501, "я" * 500),
        ("😀".encode() * 501, "😀" * 500),
        (b"x" + "😀".encode() * 501, "x" + "😀" * 499),
        (b"\xed\xa0\x80", "\ufffd" * 3),
    ],
)
def test_an_answer_is_kept_as_500_characters_that_a_database_takes(body: bytes, kept: str) -> None:
    assert judge(answered(503, body)).answer == kept


@asynccontextmanager
async def gateway_that_answers(
    raw: bytes, requests: list[bytes], token: str | None = None
) -> AsyncIterator[HttpGateway]:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].split()[0])
        requests.append(head + await reader.readexactly(length))
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = HttpGateway(f"http://127.0.0.1:{port}/m?a=b", token=token, connections=2)
    try:
        yield gateway
    finally:
        await gateway.close()
        server.close()


async def send(gateway: Gateway, message: OutgoingMessage = LETTER) -> Verdict:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(message, loop.time() + 5, done.set_result)
    assert not done.done()
    return await done


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(ACCEPTED),
    ACCEPTED,
)


async def test_a_message_goes_out_as_the_contract_says() -> None:
    requests: list[bytes] = []

    async with gateway_that_answers(OK, requests, token="t0ken") as gateway:  # noqa: S106
        verdict = await send(gateway, replace(LETTER, subject="Тема"))

    head, _, body = requests[0].partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")
    assert line == "POST /m?a=b HTTP/1.1"
    assert headers[0].startswith("Host: 127.0.0.1:")
    assert set(headers[1:]) == {
        "Authorization: Bearer t0ken",
        "Accept: application/json",
        "Content-Type: application/json",
        f'Idempotency-Key: "{MESSAGE_ID.decode()}"',
        f"traceparent: {TRACEPARENT.decode()}",
        f"Content-Length: {len(body)}",
    }
    assert json.loads(body) == {
        "id": MESSAGE_ID.decode(),
        "phone": "79161234567",
        "subject": "Тема",
        "text": "Привет",
    }
    assert verdict == Verdict(Outcome.ACCEPTED, "accepted", 200, "g-1", ACCEPTED.decode())


async def test_what_a_message_does_not_have_is_not_sent() -> None:
    requests: list[bytes] = []

    async with gateway_that_answers(OK, requests) as gateway:
        await send(gateway, replace(LETTER, traceparent=b""))

    assert b"traceparent" not in requests[0]
    assert b"Authorization" not in requests[0]
    assert b"subject" not in requests[0]


async def test_a_redirect_is_not_followed() -> None:
    requests: list[bytes] = []
    raw = b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    async with gateway_that_answers(raw, requests) as gateway:
        verdict = await send(gateway)

    assert verdict == Verdict(Outcome.NOT_PROCESSED, "redirect", 307, fault=True)
    assert len(requests) == 1


async def test_a_message_without_a_phone_is_refused_unsent() -> None:
    requests: list[bytes] = []

    async with gateway_that_answers(OK, requests) as gateway:
        verdict = await send(gateway, replace(LETTER, phone=None))

    assert verdict == Verdict(Outcome.REFUSED, "no_phone", is_of_message=True)
    assert requests == []


@pytest.mark.parametrize(
    "message",
    [
        replace(LETTER, message_id=b'x"\r\nX: y'),
        replace(LETTER, message_id=b""),
        replace(LETTER, message_id=b"x\n"),
        replace(LETTER, traceparent=b"x\r\nX: y"),
        replace(LETTER, traceparent=TRACEPARENT + b"\n"),
    ],
)
async def test_nothing_but_an_id_and_a_traceparent_gets_into_headers(
    message: OutgoingMessage,
) -> None:
    requests: list[bytes] = []

    async with gateway_that_answers(OK, requests) as gateway:
        with pytest.raises(ValueError, match=r"id has|traceparent"):
            gateway.send(message, asyncio.get_running_loop().time() + 5, lambda _: None)
        assert gateway.free == 2

    assert requests == []


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "ключ", "a\n"])
async def test_a_token_that_could_not_stand_in_a_header_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        HttpGateway("http://127.0.0.1/", token=token)


# How long it asks us to wait

NOW = 1_000_000_000.0  # Sun, 09 Sep 2001 01:46:40 GMT


@pytest.mark.parametrize(
    ("value", "waits"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("99999999", 900.0),
        ("Sun, 09 Sep 2001 01:47:10 GMT", 30.0),
        ("Sunday, 09-Sep-01 01:47:10 GMT", 30.0),
        ("Sun Sep  9 01:47:10 2001", 30.0),
        ("Sun, 09 Sep 2001 01:46:10 GMT", 1.0),
        ("Sun, 09 Sep 2091 01:46:10 GMT", 900.0),
    ],
)
def test_a_wait_is_seconds_or_a_date(value: str, waits: float) -> None:
    assert retry_after_s(value, NOW) == waits


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "-5", "1.5", "1e3", "10 s", "0x10", "NaN", "inf", "9" * 400, "1, 2"),
        *("\u0661\u0662", "Sun, 09", "Sun, 99 Sep 2001 01:47:10 GMT"),
        "Sun, 09 Sep 99999 01:47:10 GMT",
    ],
)
def test_a_wait_that_is_nonsense_is_ignored(value: str) -> None:
    assert retry_after_s(value, NOW) is None


@pytest.mark.parametrize(
    ("status", "waits"),
    [(429, 30.0), (503, 30.0), (500, None), (408, None), (400, None), (401, None)],
)
def test_a_wait_is_obeyed_where_it_is_defined(status: int, waits: float | None) -> None:
    answer = replace(answered(status), retry_after="30")

    assert judge(answer).retry_after_s == waits


def test_a_gateway_that_may_have_taken_it_and_asks_to_wait_is_waited_for() -> None:
    verdict = judge(replace(answered(503), retry_after="30"), not_taken=())

    assert (verdict.outcome, verdict.pauses_gateway_s) == (Outcome.UNKNOWN, 30.0)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(301, True), (307, True), (401, True), (403, True), (400, False), (429, False), (500, False)],
)
def test_what_any_message_would_get_is_the_gateways_fault(status: int, *, fault: bool) -> None:
    assert judge(answered(status)).fault == fault


@pytest.mark.parametrize("header", [b"Retry-After: 30\r\n", b"retry-after:30\r\n"])
async def test_a_wait_is_read_from_each_answer_and_from_no_other(header: bytes) -> None:
    found: list[Verdict] = []
    heads = [header, header, b""]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for head in heads:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 429 Slow\r\n" + head + b"Content-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = HttpGateway(f"http://127.0.0.1:{port}/", connections=1)
    try:
        for _ in heads:
            done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
            gateway.send(LETTER, asyncio.get_running_loop().time() + 5, done.set_result)
            found.append(await done)
    finally:
        await gateway.close()
        server.close()
        await gone.wait()

    assert [each.retry_after_s for each in found] == [30.0, 30.0, None]
