"""HTTP as every service speaks it."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from httpx import ASGITransport, AsyncClient

from shared import errors
from shared.database import Pool
from shared.errors import FieldError, Unavailable
from shared.event import Instant
from shared.http import (
    BODY_LIMIT_BYTES,
    Body,
    Change,
    Cursor,
    Database,
    IdempotencyKey,
    Limit,
    Page,
    create_app,
    etag,
    page,
    position,
    strict_router,
)
from shared.testing import FrozenClock, InMemoryEventStore

router = strict_router("/test", "test")


class Part(Body):
    size: int


class Thing(Body):
    name: str
    parts: tuple[Part, ...] = ()


class AlreadyThere(errors.Conflict):
    """It is there already."""


REFUSALS: dict[str, errors.Error] = {
    "Invalid": errors.Invalid(FieldError("/name", "odd", "not like this"), FieldError("", "bad")),
    "NotFound": errors.NotFound(),
    "Conflict": errors.Conflict(),
    "AlreadyThere": AlreadyThere(),
    "StaleVersion": errors.StaleVersion(),
    "Unavailable": errors.Unavailable(),
}


@router.post("/things")
async def add_thing(body: Thing, *, is_dry: bool = False) -> str:
    return f"{body.name} {len(body.parts)} {is_dry}"


@router.post("/streams")
async def count_bytes(request: Request) -> int:
    return sum([len(piece) async for piece in request.stream()])


@router.get("/refusals/{name}")
async def refuse(name: str) -> None:
    raise REFUSALS[name]


@router.get("/expected")
async def expected(context: Change) -> list[int] | None:
    return None if context.expected is None else sorted(context.expected)


@router.get("/keys")
async def key(key: IdempotencyKey) -> str | None:
    return key


@router.get("/numbers")
async def numbers(cursor: Cursor, limit: Limit = 2) -> Page[int]:
    after = position(cursor, int, 0)
    return page(list(range(after + 1, 6))[: limit + 1], limit, str)


@router.get("/rows")
async def rows(_: Database) -> None:
    raise AssertionError


@pytest.fixture
async def client(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app("test", [router], no_pool, FrozenClock(now), InMemoryEventStore())
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://test/test") as client:
        yield client


async def test_without_a_database_the_process_lives_but_is_not_ready(client: AsyncClient) -> None:
    assert (await client.get("http://test/livez")).status_code == 204
    assert (await client.get("http://test/readyz")).status_code == 503
    assert (await client.get("http://test/metrics")).status_code == 200


async def test_without_a_database_a_request_may_be_repeated_later(client: AsyncClient) -> None:
    response = await client.get("/rows")

    assert (response.status_code, response.json()["type"]) == (503, Unavailable.__name__)


# Refusals


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Invalid", 422),
        ("NotFound", 404),
        ("Conflict", 409),
        ("AlreadyThere", 409),
        ("StaleVersion", 412),
        ("Unavailable", 503),
    ],
)
async def test_every_refusal_has_its_status_and_problem_details(
    client: AsyncClient, name: str, status: int
) -> None:
    response = await client.get(f"/refusals/{name}")

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["type"], body["status"]) == (name, status)
    assert body["title"] == type(REFUSALS[name]).__doc__
    assert body["instance"] == f"/test/refusals/{name}"


async def test_a_refusal_tells_all_its_places(client: AsyncClient) -> None:
    response = await client.get("/refusals/Invalid")

    assert response.json()["errors"] == [
        {"pointer": "/name", "code": "odd", "detail": "not like this"},
        {"pointer": "", "code": "bad"},
    ]


async def test_what_nobody_expected_is_told_as_our_fault_and_nothing_more(
    client: AsyncClient,
) -> None:
    response = await client.get("/refusals/secret")

    assert (response.status_code, response.json()["type"]) == (500, "Broken")
    assert "KeyError" not in response.text
    assert "secret" not in response.json()["title"]


# Strict requests


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ('{"name": "a", "nmae": "b"}', [("/nmae", "extra_forbidden")]),
        ('{"name": "a", "name": "b"}', [("/name", "duplicate_field")]),
        (
            '{"name": "a", "parts": [{"size": 1}, {"size": 1, "size": 2}]}',
            [("/parts/1/size", "duplicate_field")],
        ),
        (
            '{"b": {"c": [], "c": [{"d": 1, "d": 2}]}, "a/~": 1, "a/~": 2}',
            [
                ("/a~1~0", "duplicate_field"),
                ("/b/c", "duplicate_field"),
                ("/b/c/0/d", "duplicate_field"),
            ],
        ),
        ('{"a": {"\\ud800": 1, "\\ud800": 2}, "a": 1}', [("", "not_utf8")]),
        ('{"name": "a", "a/~": 1}', [("/a~1~0", "extra_forbidden")]),
        ('{"name": "a", "parts": [{"size": 1, "x": 2}]}', [("/parts/0/x", "extra_forbidden")]),
        ('{"parts": []}', [("/name", "missing")]),
        ('{"name": 1}', [("/name", "string_type")]),
        ('{"name": "\\ud800"}', [("", "not_utf8")]),
        ("[]", [("", "model_attributes_type")]),
        ("null", [("", "model_attributes_type")]),
        ("", [("", "missing")]),
    ],
)
async def test_a_body_that_is_wrong_is_refused_with_the_places(
    client: AsyncClient, body: str, places: list[tuple[str, str]]
) -> None:
    response = await client.post(
        "/things", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    told = [(place["pointer"], place["code"]) for place in response.json()["errors"]]
    assert told == places


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"name": "a", "nmae": "b"}', "no such field"),
        ('{"parts": []}', "it is missing"),
        ("", "it is missing"),
        ("[]", "a JSON object is needed"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_in_words_of_json(
    client: AsyncClient, body: str, detail: str
) -> None:
    response = await client.post(
        "/things", content=body, headers={"content-type": "application/json"}
    )

    assert [each["detail"] for each in response.json()["errors"]] == [detail]


async def test_of_many_fields_that_stand_twice_some_are_told_and_soon(
    client: AsyncClient,
) -> None:
    names = [f'"{number}": 0' for number in range(40_000)]
    body = "[" * 500 + "{" + ",".join([*names, *names]) + "}" + "]" * 500

    async with asyncio.timeout(20):  # to count each name among all takes minutes
        response = await client.post(
            "/things", content=body, headers={"content-type": "application/json"}
        )

    assert response.status_code == 422
    assert {each["code"] for each in response.json()["errors"]} == {"duplicate_field"}
    assert response.json()["error_count"] == 40_000
    assert len(response.content) < len(body)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b"1" * 5_000,
        b"nonsense",
        b'{"name": NaN}',
        b"-Infinity",
    ],
    ids=["cut", "not UTF-8", "not UTF-8 inside", "too deep", "digits", "no JSON", "NaN", "inf"],
)
async def test_a_body_that_is_no_json_is_refused(client: AsyncClient, body: bytes) -> None:
    response = await client.post(
        "/things", content=body, headers={"content-type": "application/json"}
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    [place] = response.json()["errors"]
    assert place["code"] in {"json_invalid", "not_utf8"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
async def test_a_body_of_another_type_is_refused(client: AsyncClient, content_type: str) -> None:
    response = await client.post(
        "/things", content='{"name": "a"}', headers={"content-type": content_type}
    )

    assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
async def test_a_body_of_json_is_taken(client: AsyncClient, content_type: str) -> None:
    response = await client.post(
        "/things", content='{"name": "a"}', headers={"content-type": content_type}
    )

    assert (response.status_code, response.json()) == (200, "a 0 False")


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_that_is_too_large_is_refused(
    client: AsyncClient, *, is_announced: bool
) -> None:
    large = json.dumps({"name": "a" * BODY_LIMIT_BYTES}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 65_536):
            yield large[at : at + 65_536]

    response = await client.post(
        "/things",
        content=large if is_announced else pieces(),
        headers={"content-type": "application/json"},
    )

    assert (response.status_code, response.json()["type"]) == (413, "ContentTooLarge")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["{}", '{"reason": "x"}', "nonsense"])
async def test_a_body_where_none_is_taken_is_refused(client: AsyncClient, body: str) -> None:
    response = await client.request("GET", "/expected", content=body)

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"pointer": "", "code": "unexpected_body", "detail": "this request takes no body"}
    ]


async def test_what_is_read_as_a_stream_may_be_larger(client: AsyncClient) -> None:
    response = await client.post("/streams", content=b"x" * (BODY_LIMIT_BYTES + 1))

    assert (response.status_code, response.json()) == (200, BODY_LIMIT_BYTES + 1)


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("lmit=1", [("/lmit", "unknown_parameter")]),
        ("limit=1&limit=2", [("/limit", "duplicate_parameter")]),
        ("limit=one", [("/limit", "int_parsing")]),
        ("limit=0", [("/limit", "greater_than_equal")]),
        ("limit=1001", [("/limit", "less_than_equal")]),
        ("cursor=a%00b", [("/cursor", "control_character")]),
    ],
)
async def test_a_parameter_that_is_wrong_is_refused_with_its_place(
    client: AsyncClient, query: str, places: list[tuple[str, str]]
) -> None:
    response = await client.get(f"/numbers?{query}")

    assert response.status_code == 422
    assert [(each["pointer"], each["code"]) for each in response.json()["errors"]] == places


async def test_the_number_that_a_value_does_not_keep_is_given_as_a_number(
    client: AsyncClient,
) -> None:
    by_model = await client.get("/numbers?limit=1001")
    by_rule = await client.get("/keys", headers={"Idempotency-Key": "k" * 256})
    without = await client.get("/numbers?limit=one")

    assert by_model.json()["errors"][0]["limits"] == [1000]
    assert by_rule.json()["errors"][0]["limits"] == [1, 255]
    assert "limits" not in without.json()["errors"][0]


async def test_a_wrong_value_is_never_repeated(client: AsyncClient) -> None:
    response = await client.post("/things", json={"name": ["secret"]})

    assert response.status_code == 422
    assert "secret" not in response.text


async def test_a_path_that_does_not_exist_has_problem_details(client: AsyncClient) -> None:
    response = await client.get("/nowhere")

    assert (response.status_code, response.json()["type"]) == (404, "NotFound")
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_method_that_is_not_there_tells_those_that_are(client: AsyncClient) -> None:
    response = await client.delete("/numbers")

    assert (response.status_code, response.json()["type"]) == (405, "MethodNotAllowed")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


# Entity tags and idempotency keys


@pytest.mark.parametrize(
    ("headers", "versions"),
    [
        ([], None),
        (["*"], None),
        (['"7"'], [7]),
        (['"7", "8"'], [7, 8]),
        ([' "7"\t,, W/"8" ,"9",'], [7, 9]),
        (['"7"', '"8"'], [7, 8]),
    ],
)
async def test_an_entity_tag_is_a_version_of_which_any_may_be_expected(
    client: AsyncClient, headers: list[str], versions: list[int] | None
) -> None:
    response = await client.get("/expected", headers=[("If-Match", each) for each in headers])

    assert response.json() == versions


@pytest.mark.parametrize("tag", ['W/"7"', '"seven"', '""', '"7,8"', '"07"', '"99999999999"'])
async def test_a_tag_that_we_never_gave_matches_nothing(client: AsyncClient, tag: str) -> None:
    response = await client.get("/expected", headers={"If-Match": tag})

    assert response.json() == []


@pytest.mark.parametrize(
    "header", ["7", "", ",", '"7', '"7" "8"', '"7" 8', '*, "7"', 'w/"7"', ", " * 30_000 + "x"]
)
async def test_what_is_no_entity_tag_is_refused_in_words_of_its_own(
    client: AsyncClient, header: str
) -> None:
    response = await client.get("/expected", headers={"If-Match": header})

    assert (response.status_code, response.json()["type"]) == (422, "Invalid")
    [place] = response.json()["errors"]
    assert place["code"] == "if_match"
    assert 'If-Match takes entity tags, as an ETag gives them: "7"' in place["detail"]


def test_a_version_is_an_entity_tag() -> None:
    assert etag(7) == '"7"'


@pytest.mark.parametrize(
    ("header", "read"),
    [("abc", "abc"), ('"abc"', "abc"), ('" a b "', " a b "), ("k" * 255, "k" * 255)],
)
async def test_a_key_may_stand_in_quotes(client: AsyncClient, header: str, read: str) -> None:
    response = await client.get("/keys", headers={"Idempotency-Key": header})

    assert response.json() == read


@pytest.mark.parametrize("header", ['""', "k" * 256, '"'])
async def test_a_key_that_is_none_is_refused(client: AsyncClient, header: str) -> None:
    response = await client.get("/keys", headers={"Idempotency-Key": header})

    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == "idempotency_key"


# Pages


async def test_pages_follow_each_other_until_all_is_shown(client: AsyncClient) -> None:
    pages: list[Any] = [(await client.get("/numbers")).json()]
    while cursor := pages[-1]["next_cursor"]:
        pages.append((await client.get("/numbers", params={"cursor": cursor})).json())

    assert [each["items"] for each in pages] == [[1, 2], [3, 4], [5]]


async def test_a_list_that_fits_has_no_next_page(client: AsyncClient) -> None:
    response = await client.get("/numbers", params={"limit": 5})

    assert response.json() == {"items": [1, 2, 3, 4, 5], "next_cursor": None}


@pytest.mark.parametrize(
    "cursor", ["nonsense", "%%%", "\u00fc", urlsafe_b64encode(b"x").decode(), "_w=="]
)
async def test_a_cursor_that_is_none_of_ours_is_refused(client: AsyncClient, cursor: str) -> None:
    response = await client.get("/numbers", params={"cursor": cursor})

    assert (response.status_code, response.json()["type"]) == (422, "BadCursor")


# Documentation


async def test_the_routes_describe_themselves(client: AsyncClient) -> None:
    assert (await client.get("http://test/docs")).status_code == 200
    document = (await client.get("http://test/openapi.json")).json()
    assert "/test/things" in document["paths"]
