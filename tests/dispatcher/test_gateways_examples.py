"""The examples of `deploy/gateways`: each sends exactly what its provider wants, and reads it."""

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.breaker import is_failure
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import read, written
from services.dispatcher.gateways.http.template import number_of

FOLDER = Path(__file__).parents[2] / "deploy" / "gateways"
MESSAGE = OutgoingMessage(
    b"A-_z0123456789012345678901234567890123456789"[:43],
    "79161234567",
    None,
    None,
    'Скидка 5% & "больше"',
    b"",
)
ID = MESSAGE.message_id.decode()
NUMBER = number_of(MESSAGE.message_id, 53)

A, R, N, U = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.NOT_PROCESSED, Outcome.UNKNOWN


@dataclass
class Provider:
    """A provider in this process: keeps what arrives, answers as it is told."""

    status: int = 200
    answer: bytes = b""
    requests: list[tuple[list[str], bytes]] = field(default_factory=list)  # head's lines, body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
                length = int(head.lower().partition("content-length: ")[2].split("\r")[0] or 0)
                self.requests.append((head.split("\r\n")[:-2], await reader.readexactly(length)))
                head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\n"
                writer.write(f"{head}Content-Length: {len(self.answer)}\r\n\r\n".encode())
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def example(name: str, **fields: Any) -> AsyncIterator[tuple[Gateway, Provider]]:
    """Open the gateway of an example, whose host is a provider in this process."""
    text = (FOLDER / f"{name}.toml").read_text()
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    text = text.replace("https://sms.example", origin).replace("/run/secrets", str(Path.cwd()))
    gateway = build(
        "sms", read(tomllib.loads(text)["gateways"]["sms"] | fields), allows_private=True
    )
    try:
        yield gateway, provider
    finally:
        await gateway.close()
        server.close()


async def send(gateway: Gateway, message: OutgoingMessage = MESSAGE) -> Verdict:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(message, loop.time() + 5, done.set_result)
    return await done


@pytest.fixture(autouse=True)
def _secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMS_TOKEN", "t0ken")
    monkeypatch.setenv("SMS_API_ID", "A1/B2")
    (tmp_path / "sms_password").write_text("pa:ss\n")


# Of each example: the request's lines less Host, its body, and answers with what they mean.
TEXT = (
    "%D0%A1%D0%BA%D0%B8%D0%B4%D0%BA%D0%B0%205%25%20%26%20"
    "%22%D0%B1%D0%BE%D0%BB%D1%8C%D1%88%D0%B5%22"
)
BEARER = "Authorization: Bearer t0ken"
ACCEPT, JSON = "Accept: application/json", "Content-Type: application/json"
GARBAGE = [
    (200, "<html>OK</html>", U, "contract_violation", None),
    (200, "", U, "contract_violation", None),
    (204, "", U, "contract_violation", None),
    (302, "", N, "redirect", None),
    (401, "{}", N, "unauthorized", None),
    (429, "{}", N, "status_429", None),
    (400, "{}", R, "status_400", None),
    (503, "<html>", N, "status_503", None),
    (502, "<html>", U, "status_502", None),
]
SENT: dict[str, tuple[list[str], bytes]] = {
    "our-contract": (
        ["POST /messages HTTP/1.1", BEARER, ACCEPT, JSON, f'Idempotency-Key: "{ID}"'],
        f'{{"id":"{ID}","phone":"79161234567","text":"Скидка 5% & \\"больше\\""}}'.encode(),
    ),
    "send-by-id": (
        [f"POST /v1/send/{ID} HTTP/1.1", BEARER, ACCEPT, JSON],
        f'{{"id":"{ID}","phone":"79161234567","text":"Скидка 5% & \\"больше\\""}}'.encode(),
    ),
    "form": (
        [
            f"POST /sms/send?json=1&msg={TEXT} HTTP/1.1",
            ACCEPT,
            "Content-Type: application/x-www-form-urlencoded",
        ],
        f"api_id=A1%2FB2&to=79161234567&from=Shop&tag={ID}".encode(),
    ),
    "basic-nested": (
        [
            "POST /sms/2/text/advanced HTTP/1.1",
            "Authorization: Basic c2hvcDpwYTpzcw==",  # shop:pa:ss
            ACCEPT,
            JSON,
        ],
        f'{{"messages":[{{"id":{NUMBER},"from":"Shop","destinations":[{{"to":"+79161234567"}}],'
        '"content":{"type":"text","text":"Скидка 5% & \\"больше\\""}}]}'.encode(),
    ),
    "pending": (
        ["POST /v1/sms HTTP/1.1", BEARER, ACCEPT, JSON],
        '{"to":"+79161234567","text":"Скидка 5% & \\"больше\\""}'.encode(),
    ),
}
ANSWERS: dict[str, list[tuple[int, str, Outcome, str, str | None]]] = {
    "our-contract": [
        (200, '{"id":"g-1","status":"accepted"}', A, "accepted", "g-1"),
        (200, '{"id":"g-1","status":"queued"}', U, "contract_violation", None),
        *GARBAGE,
    ],
    "send-by-id": [
        (200, '{"code":0,"message":"OK"}', A, "accepted", None),
        (200, '{"code":"0"}', U, "contract_violation", None),
        (200, '{"code":false}', U, "contract_violation", None),
        (201, '{"code":0}', U, "contract_violation", None),
        (200, '{"code":1}', R, "number_refused", None),
        (400, '{"code":2}', R, "number_refused", None),
        (200, '{"code":7}', N, "throttled", None),
        *GARBAGE,
    ],
    "form": [
        (200, '{"status":"OK","sms":[{"sms_id":"0-1"}]}', A, "accepted", "0-1"),
        (200, '{"status":"OK","sms":[]}', U, "contract_violation", None),
        (200, '{"status":"ERROR","status_code":207}', R, "number_refused", None),
        (200, '{"status":"ERROR","status_code":220}', N, "throttled", None),
        (200, '{"status":"ERROR","status_code":201}', N, "account", None),
        (200, '{"status":"ERROR","status_code":999}', U, "contract_violation", None),
        *GARBAGE,
    ],
    "basic-nested": [
        (200, '{"messages":[{"messageId":17,"status":{"group":"PENDING"}}]}', A, "accepted", "17"),
        (200, '{"messages":[{"status":{"group":"PENDING"}}]}', U, "contract_violation", None),
        (200, '{"messages":[{"status":{"group":"REJECTED"}}]}', R, "refused", None),
        (403, '{"requestError":{"code":"TOO_MANY_REQUESTS"}}', N, "throttled", None),
        (403, '{"requestError":{"code":"FORBIDDEN"}}', N, "unauthorized", None),
        *GARBAGE,
    ],
    "pending": [
        (202, '{"data":{"id":"s-7","state":"queued"}}', U, "pending", "s-7"),
        (200, '{"data":{"id":"s-7","state":"sent"}}', A, "accepted", "s-7"),
        (200, '{"data":{"state":"sent"}}', U, "contract_violation", None),
        (202, '{"data":{"state":"queued"}}', U, "pending", None),
        # Whatever it means, the message may be asked for by it.
        (200, '{"data":{"id":"s-7","state":"new"}}', U, "contract_violation", "s-7"),
        (502, '{"data":{"id":"s-7"}}', U, "status_502", "s-7"),
        (400, '{"data":{"id":"s-7"}}', R, "status_400", None),
        *GARBAGE,
    ],
}


def test_each_example_is_tried_here() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == SENT.keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", SENT)
async def test_an_example_sends_what_its_provider_wants(name: str) -> None:
    lines, body = SENT[name]

    async with example(name) as (gateway, provider):
        await send(gateway)

    ((sent_lines, sent_body),) = provider.requests
    assert sent_lines[1].startswith("Host: 127.0.0.1:")
    assert [sent_lines[0], *sent_lines[2:-1]] == lines
    assert sent_lines[-1] == f"Content-Length: {len(body)}"
    assert sent_body == body


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_example_reads_what_its_provider_answers(name: str) -> None:
    async with example(name) as (gateway, provider):
        found = []
        for provider.status, answer, *_ in ANSWERS[name]:
            provider.answer = answer.encode()
            verdict = await send(gateway)
            own_id = verdict.gateway_message_id
            found.append((provider.status, answer, verdict.outcome, verdict.reason, own_id))

    assert found == ANSWERS[name]


async def test_what_a_message_has_besides_is_sent_where_an_example_wants_it() -> None:
    async with example("basic-nested") as (gateway, provider):
        await send(gateway, replace(MESSAGE, subject="Тема"))

    (message,) = json.loads(provider.requests[0][1])["messages"]
    assert message["content"]["title"] == "Тема"


async def test_a_secret_that_an_answer_repeats_is_kept_nowhere() -> None:
    async with example("form") as (gateway, provider):
        provider.answer = b'{"status":"OK","sms":[{"sms_id":"A1/B2"}]}'
        verdict = await send(gateway)

    assert verdict.outcome is Outcome.ACCEPTED
    assert (verdict.answer, verdict.gateway_message_id) == ("", None)


@pytest.mark.parametrize("name", SENT)
def test_an_example_is_stored_as_it_was_said(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text()

    described = read(tomllib.loads(text)["gateways"]["sms"])

    assert read(json.loads(json.dumps(written(described)))) == described


@pytest.mark.parametrize(
    ("sender", "is_allowed"),
    [
        ("sale@shop.example", True),
        ("Sale <SALE@shop.example>", True),
        ("Books <any@books.example>", True),
        ("News <news@shop.example>", True),  # the gateway's own
        ("any@shop.example", False),
        ("any@more.books.example", False),
        ("sale@shop.example <any@evil.example>", False),
    ],
)
async def test_a_mailing_names_only_senders_that_are_allowed(
    sender: str, *, is_allowed: bool
) -> None:
    fields: dict[str, Any] = {"allowed_senders": ["sale@shop.example", "@books.example"]}
    fields["sender"] = "Shop <news@shop.example>"
    async with example("form", **fields) as (gateway, provider):
        verdict = await send(gateway, replace(MESSAGE, sender=sender))

    reason = "contract_violation" if is_allowed else "sender_not_allowed"
    assert (verdict.reason, len(provider.requests)) == (reason, int(is_allowed))


LOOK_UPS = [
    ('{"results":[{"messageId":17,"status":{"group":"DELIVERED"}}]}', A, "found_by_lookup", "17"),
    ('{"results":[{"messageId":17,"status":{"group":"REJECTED"}}]}', R, "refused_by_lookup", None),
    ('{"results":[{"messageId":17}]}', N, "lookup_contract_violation", None),
    ("<html>", N, "lookup_contract_violation", None),
    # Not there: so it is sent, and these are no answer to that.
    ('{"results":[]}', U, "contract_violation", None),
]


async def test_an_example_asks_for_what_may_have_arrived() -> None:
    message = replace(MESSAGE, unknowns=1)
    async with example("basic-nested") as (gateway, provider):
        found = []
        for answer, *_ in LOOK_UPS:
            provider.answer = answer.encode()
            verdict = await send(gateway, message)
            own_id = verdict.gateway_message_id
            found.append((answer, verdict.outcome, verdict.reason, own_id))

    assert found == LOOK_UPS
    lines = [lines[0] for lines, _ in provider.requests]
    asked = f"GET /sms/2/reports?bulkId={NUMBER} HTTP/1.1"
    assert lines == [asked] * 5 + ["POST /sms/2/text/advanced HTTP/1.1"]


# What an API says of a message by its own id, which it has told when it took it for processing.
LOOK_UPS_BY_OWN_ID = [
    ('{"data":{"id":"s-7","state":"delivered"}}', A, "found_by_lookup"),
    ('{"data":{"id":"s-7","state":"rejected"}}', R, "refused_by_lookup"),
    ('{"data":{"id":"s-7","state":"queued"}}', N, "lookup_pending"),
    ("<html>", N, "lookup_contract_violation"),
]


async def test_an_example_asks_by_the_id_that_the_provider_has_told() -> None:
    async with example("pending") as (gateway, provider):
        provider.status, provider.answer = 202, b'{"data":{"id":"s-7","state":"queued"}}'
        pending = await send(gateway, MESSAGE)
        own_id = pending.gateway_message_id
        again = replace(MESSAGE, unknowns=1, gateway_message_id=own_id)
        provider.status, found = 200, []
        for answer, *_ in LOOK_UPS_BY_OWN_ID:
            provider.answer = answer.encode()
            verdict = await send(gateway, again)
            found.append((answer, verdict.outcome, verdict.reason))
            assert is_failure(verdict) == (answer == "<html>")

    assert (pending.outcome, pending.reason, own_id) == (U, "pending", "s-7")
    assert found == LOOK_UPS_BY_OWN_ID
    lines = [lines[0] for lines, _ in provider.requests]
    assert lines == ["POST /v1/sms HTTP/1.1", *["GET /v1/sms/s-7 HTTP/1.1"] * 4]
