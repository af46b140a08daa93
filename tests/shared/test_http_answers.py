"""What every answer has: methods that are told, conditions that are obeyed, headers, traces."""

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import Request, Response, status
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from starlette.types import Message, Scope
from structlog.testing import capture_logs

from shared import unpacking
from shared.database import Pool
from shared.errors import FieldError, Gone, Invalid, Unavailable
from shared.event import Instant
from shared.http import BODY_LIMIT_BYTES, Body, answers, create_app, etag, strict_router
from shared.http import requests as http_requests
from shared.testing import FrozenClock, InMemoryEventStore

router = strict_router("/test", "test")


class Thing(Body):
    name: str
    tags: tuple[str, ...] = ()


class Broken(Exception):
    """Nobody expects it."""


@router.get("/things/{number}", responses=answers(headers=("ETag",)))
async def thing(number: int, response: Response) -> int:
    response.headers["ETag"] = etag(number)
    return number


@router.patch("/things/{number}")
async def change_thing(number: int, body: Thing, response: Response) -> str:
    response.headers["ETag"] = etag(number)
    return body.name


@router.delete("/things/{number}", status_code=status.HTTP_204_NO_CONTENT)
async def remove_thing(number: int) -> None:
    assert number


@router.post("/things/{number}/stop")
async def stop_thing(number: int) -> int:
    return number


@router.post("/things")
async def add_thing(body: Thing) -> str:
    return body.name


@router.post("/streams")
async def count_bytes(request: Request) -> int:
    return sum([len(piece) async for piece in request.stream()])


@router.get("/broken")
async def broken() -> None:
    raise Broken("7916" + "1234567")


@router.get("/many")
async def many() -> None:
    raise Invalid(*(FieldError(f"/{number}", "odd", "x" * 10_000) for number in range(1_000)))


@router.get("/away")
async def away() -> None:
    raise Unavailable


@router.get("/gone")
async def gone() -> None:
    raise Gone(datetime(2026, 6, 1, 9, tzinfo=UTC))


@router.get("/identified")
async def identified(which: UUID) -> str:
    return str(which)


@pytest.fixture
async def client(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app("test", [router], no_pool, FrozenClock(now), InMemoryEventStore())
    # A service sets it for its process, which tests share.
    app._telemetry["tracer_provider"] = TracerProvider()  # noqa: SLF001
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://localhost/test"
    ) as client:
        yield client


# Methods


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/things/7", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/things/7/stop", "OPTIONS, POST"),
        ("/things", "OPTIONS, POST"),
        ("http://localhost/livez", "GET, HEAD, OPTIONS"),
        ("http://localhost/docs", "GET, HEAD, OPTIONS"),
        ("http://localhost/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
async def test_all_methods_of_a_path_are_told(client: AsyncClient, path: str, allow: str) -> None:
    refused = await client.request("PROPFIND", path)
    asked = await client.options(path)

    assert (refused.status_code, refused.headers["allow"]) == (405, allow)
    assert refused.json()["type"] == "MethodNotAllowed"
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allow, b"")


async def test_of_a_path_that_is_not_there_no_methods_are_told(client: AsyncClient) -> None:
    for method in ("OPTIONS", "HEAD", "GET"):
        response = await client.request(method, "/nowhere")
        assert (response.status_code, "allow" in response.headers) == (404, False)


@pytest.mark.parametrize(
    "path", ["/things/7", "/things/x", "http://localhost/livez", "http://localhost/docs"]
)
async def test_a_head_is_a_get_without_its_body(client: AsyncClient, path: str) -> None:
    full, head = await client.get(path), await client.head(path)

    assert head.status_code == full.status_code
    assert head.content == b""
    assert head.headers == full.headers


async def test_a_head_where_there_is_no_get_is_refused(client: AsyncClient) -> None:
    response = await client.head("/things")

    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/things/7/", "/test/things/7"),
        ("/things/7/?limit=1", "/test/things/7?limit=1"),
        ("/things/7//", "/test/things/7"),
    ],
)
async def test_a_slash_too_much_leads_to_the_same_host_whatever_it_is_called(
    client: AsyncClient, path: str, place: str
) -> None:
    response = await client.get(path, headers={"Host": "else"})

    assert (response.status_code, response.headers["location"]) == (307, place)


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/%2f..", "/nowhere/", "/"])
async def test_a_slash_leads_nowhere_else(client: AsyncClient, path: str) -> None:
    response = await client.get(f"http://localhost{path}")

    assert (response.status_code, "location" in response.headers) == (404, False)


# Conditions


@pytest.mark.parametrize(
    "header", ['"7"', 'W/"7"', '"6", "7"', "*", ' "7" ', '"a,b", W/"7"', '"6",,"7"']
)
async def test_a_version_that_the_client_has_is_not_sent_again(
    client: AsyncClient, header: str
) -> None:
    response = await client.get("/things/7", headers={"If-None-Match": header})

    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == '"7"'
    assert "content-type" not in response.headers
    head = await client.head("/things/7", headers={"If-None-Match": header})
    assert head.status_code == 304


@pytest.mark.parametrize("header", ['"8"', "7", '"70"', "", '"7', '"6" "7"', '"a", "b"'])
async def test_another_version_is_sent(client: AsyncClient, header: str) -> None:
    response = await client.get("/things/7", headers={"If-None-Match": header})

    assert (response.status_code, response.json()) == (200, 7)


async def test_only_reads_are_answered_with_what_the_client_has(client: AsyncClient) -> None:
    response = await client.patch(
        "/things/7", json={"name": "a"}, headers={"If-None-Match": '"7"'}
    )

    assert (response.status_code, response.json()) == (200, "a")


@pytest.mark.parametrize(
    "kind", ["application/json-patch+json", "application/vnd.a+json", "text/plain", ""]
)
async def test_a_patch_of_another_kind_is_refused_with_those_that_are_taken(
    client: AsyncClient, kind: str
) -> None:
    response = await client.patch(
        "/things/7", content='{"name": "a"}', headers={"Content-Type": kind}
    )
    asked = await client.options("/things/7")

    assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")
    kinds = "application/merge-patch+json, application/json"
    assert response.headers["accept-patch"] == asked.headers["accept-patch"] == kinds


@pytest.mark.parametrize(
    "kind", ["application/merge-patch+json", "Application/JSON", "application/json; charset=utf-8"]
)
async def test_a_merge_patch_is_taken_by_both_its_types(client: AsyncClient, kind: str) -> None:
    response = await client.patch(
        "/things/7", content='{"name": "a"}', headers={"Content-Type": kind}
    )

    assert (response.status_code, response.json()) == (200, "a")


# Headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/things/7"),
        ("DELETE", "/things/7"),
        ("OPTIONS", "/things/7"),
        ("PUT", "/things/7"),
        ("GET", "/things/x"),
        ("GET", "/nowhere"),
        ("GET", "/broken"),
        ("GET", "/away"),
        ("GET", "http://evil.example/test/things/7"),
        ("GET", "http://localhost/livez"),
        ("GET", "http://localhost/readyz"),
        ("GET", "http://localhost/metrics"),
        ("GET", "http://localhost/docs"),
        ("GET", "http://localhost/openapi.json"),
        ("GET", "/things/7/"),
    ],
)
async def test_no_answer_is_guessed_at_or_kept_by_a_browser(
    client: AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/things/7", "http://localhost/livez"])
async def test_what_has_no_content_has_no_type(client: AsyncClient, path: str) -> None:
    response = await client.request("GET" if "livez" in path else "DELETE", path)

    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


async def test_what_is_away_says_when_to_come_again(client: AsyncClient) -> None:
    response = await client.get("/away")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


# Errors of ours


async def test_an_error_of_ours_is_in_the_log_by_its_trace(client: AsyncClient) -> None:
    with capture_logs(processors=[with_trace]) as lines:
        response = await client.get("/broken")

    body = response.json()
    assert (response.status_code, body["type"]) == (500, "Broken")
    [line] = [each for each in lines if each["event"] == "http.request.failed"]
    assert line["trace_id"] == body["trace_id"]
    assert isinstance(line["exc_info"], Broken)


def with_trace(_: object, __: str, line: Any) -> Any:
    line["trace_id"] = f"{trace.get_current_span().get_span_context().trace_id:032x}"
    return line


async def test_an_error_of_ours_is_logged_once(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), capture_logs() as lines:
        await client.get("/broken")

    assert [line["event"] for line in lines] == ["http.request.failed"]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("path", ["/broken", "/away", "/things/x", "/nowhere"])
async def test_every_problem_has_its_trace(client: AsyncClient, path: str) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    own = (await client.get(path)).json()["trace_id"]
    given = (await client.get(path, headers={"traceparent": parent})).json()["trace_id"]

    assert len(own) == 32
    assert given == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("path", "problem", "route"),
    [
        ("/away", "Unavailable", "/test/away"),
        ("/things/x79161234567", "Invalid", "/test/things/{number}"),
        ("/nowhere/79161234567", "NotFound", None),
        ("/many?phone=79161234567", "Invalid", "/test/many"),
    ],
)
async def test_the_trace_of_every_problem_is_in_the_log_and_nothing_that_was_sent(
    client: AsyncClient, path: str, problem: str, route: str | None
) -> None:
    with capture_logs(processors=[with_trace]) as lines:
        body = (await client.get(path)).json()

    [line] = [each for each in lines if each["event"] == "http.request.refused"]
    assert line["trace_id"] == body["trace_id"]
    assert (line["problem"], line["status"]) == (problem, body["status"])
    assert line["route"] == route
    assert "79161234567" not in str(lines)


async def hang_up(client: AsyncClient, path: str) -> list[Message]:
    """Send half of a body and go; return what is answered to nobody."""
    app = client._transport.app  # type: ignore[attr-defined]  # noqa: SLF001 - httpx cannot do it
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"na', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": f"/test{path}",
        "raw_path": f"/test{path}".encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("localhost", 80),
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("path", ["/things", "/streams", "/things/7/stop"])
async def test_a_client_that_hangs_up_is_no_error(
    client: AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.INFO), capture_logs() as lines:
        answered = await hang_up(client, path)

    assert (answered, lines, caplog.records) == ([], [], [])


# What is refused


async def test_of_many_mistakes_the_first_are_told_and_how_many_there_are(
    client: AsyncClient,
) -> None:
    body = {"name": "a"} | {f"{'x' * 300}{number}": 1 for number in range(2_000)}

    response = await client.post("/things", json=body)

    assert response.status_code == 422
    assert response.json()["error_count"] == 2_000
    assert len(response.json()["errors"]) == 20
    assert len(response.content) < 10_000


async def test_mistakes_that_the_rules_find_are_bounded_as_well(client: AsyncClient) -> None:
    response = await client.get("/many")

    assert response.json()["error_count"] == 1_000
    assert len(response.json()["errors"]) == 20
    assert len(response.content) < 10_000


@pytest.mark.parametrize(
    "url", [f"/things/7?{'x' * 60_000}=1", f"/things/{'x' * 60_000}", f"/{'x' * 60_000}"]
)
async def test_an_answer_does_not_repeat_all_that_was_asked(client: AsyncClient, url: str) -> None:
    response = await client.get(url)

    assert response.status_code in (404, 422)
    assert len(response.content) < 2_000


async def test_thousands_of_parameters_are_refused_soon(client: AsyncClient) -> None:
    query = "&".join(f"x{number}" for number in range(9_000))

    async with asyncio.timeout(20):  # to count each name among all takes long
        response = await client.get(f"/things/7?{query}")

    assert (response.status_code, response.json()["error_count"]) == (422, 9_000)


# Charset and encoding


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


async def post(client: AsyncClient, content: bytes, path: str = "/things", **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(
        path, content=content, headers={"Content-Type": "application/json"} | names
    )


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf-16",
        "application/json; charset=cp1251",
        'application/json; charset="iso-8859-1"',
        "application/json;charset=latin-1;x=y",
        "application/json; CHARSET=UTF-7",
        "application/json; charset*=us-ascii''utf-16",
    ],
)
async def test_a_charset_that_is_not_obeyed_is_refused(client: AsyncClient, kind: str) -> None:
    response = await post(client, b'{"name": "a"}', "/things", Content_Type=kind)

    assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    "kind",
    [
        "application/json; charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json;charset=utf8",
        "application/json; charset=us-ascii",
    ],
)
async def test_utf_8_is_obeyed(client: AsyncClient, kind: str) -> None:
    response = await post(client, b'{"name": "\xc3\xa4"}', Content_Type=kind)

    assert (response.status_code, response.json()) == (200, "ä")


@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip", " gzip "])
async def test_a_packed_body_is_unpacked(client: AsyncClient, name: str) -> None:
    body = packed('{"name": "') + packed('a"}')  # two members are one

    response = await post(client, body, Content_Encoding=name)
    stream = await post(client, body, "/streams", Content_Encoding=name)

    assert (response.status_code, response.json()) == (200, "a")
    assert stream.json() == len('{"name": "a"}')


@pytest.mark.parametrize("name", ["deflate", "br", "zstd", "gzip, gzip", "compress", "nonsense"])
@pytest.mark.parametrize("path", ["/things", "/streams", "/things/7/stop"])
async def test_an_encoding_that_is_not_obeyed_is_refused(
    client: AsyncClient, name: str, path: str
) -> None:
    response = await post(client, b"{}", path, Content_Encoding=name)

    assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")
    assert response.headers["accept-encoding"] == "gzip, identity"


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a"}',
        packed('{"name": "a"}')[:-1],
        packed('{"name": "a"}')[:12],
        packed('{"name": "a"}') + b"x",
        zlib.compress(b'{"name": "a"}'),
    ],
    ids=["plain", "cut at its end", "cut", "with more behind", "of another kind"],
)
async def test_a_body_that_is_not_packed_as_it_says_is_refused(
    client: AsyncClient, body: bytes
) -> None:
    response = await post(client, body, Content_Encoding="gzip")

    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == "content_encoding"


async def test_a_limit_counts_what_is_unpacked(client: AsyncClient) -> None:
    body = packed(json.dumps({"name": "a" * BODY_LIMIT_BYTES}))
    assert len(body) < 10_000

    response = await post(client, body, Content_Encoding="gzip")

    assert (response.status_code, response.json()["type"]) == (413, "ContentTooLarge")


async def test_a_little_that_becomes_much_is_unpacked_piece_by_piece() -> None:
    body = gzip.compress(b"\0" * 50_000_000)

    async def one() -> AsyncIterator[bytes]:
        yield body

    pieces = unpacking.gunzip(one())
    sizes = [len(piece) async for piece in pieces]

    assert (sum(sizes), max(sizes)) == (50_000_000, unpacking.PIECE_BYTES)


async def test_a_body_that_does_not_come_is_given_up(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_requests, "BODY_WITHIN_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b'{"na'
        await asyncio.sleep(60)

    response = await client.post(
        "/things", content=never(), headers={"Content-Type": "application/json"}
    )

    assert (response.status_code, response.json()["type"]) == (408, "RequestTimeout")


async def test_a_client_that_sends_nothing_any_more_is_gone(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_requests, "PIECE_WITHIN_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)

    with capture_logs() as lines, pytest.raises(AssertionError):  # of httpx: there is no answer
        async with asyncio.timeout(20):
            await client.post("/streams", content=never())

    assert (lines, [each for each in caplog.records if each.levelname == "ERROR"]) == ([], [])


async def test_a_stream_may_take_longer_than_one_piece_of_it(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_requests, "PIECE_WITHIN_S", 0.5)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x"
            await asyncio.sleep(0.1)

    assert (await client.post("/streams", content=slowly())).json() == 8


async def test_what_is_gone_says_since_when(client: AsyncClient) -> None:
    answer = await client.get("/gone")

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (410, "Gone")
    assert (problem["title"], problem["since"]) == (Gone.__doc__, "2026-06-01T09:00:00Z")
