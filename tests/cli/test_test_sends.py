"""A mailing is tried: one message, whose end is waited for."""

import json
from typing import Any

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services

RUN = "0d6a5c1b-3c8e-8a53-9d0b-5c1f5d7c2a90"
PATH = f"/v1/test-sends/{RUN}"
ATTEMPT = {
    "attempt": 1,
    "kind": "answer",
    "started_at": "2026-01-01T12:00:00Z",
    "outcome": "accepted",
    "status_code": 250,
    "reason": "accepted",
    "latency_ms": 12.0,
    "gateway_message_id": "gw-1",
    "answer": "250 2.0.0 Ok: queued",
}


def shown(status: str, **fields: Any) -> Json:
    return {
        "run_id": RUN,
        "message_id": "m" * 43,
        "mailing_id": None,
        "client_id": None,
        "gateway": "http",
        "status": status,
        "reason": None,
        "is_final": status != "planned",
        "attempts": 0 if status == "planned" else 1,
        "created_at": "2026-01-01T12:00:00Z",
        "ends_at": "2026-01-01T12:10:00Z",
        "attempts_log": [] if status == "planned" else [ATTEMPT],
    } | fields


def asked(services: Services) -> Json:
    [body] = [each.body for each in services.asked if each.method == "POST"]
    found: Json = json.loads(body)
    return found


def test_a_saved_mailing_goes_to_a_phone_and_its_answer_is_shown(
    services: Services, mailings: Mailings, mailing: Json
) -> None:
    saved = mailing | {"subject": None, "html": None}
    services.answer(f"/v1/mailings/{mailing['mailing_id']}", saved)
    services.answer("/v1/test-sends", shown("planned"))
    services.answer(PATH, shown("planned"), shown("delivered"))

    to = ("--phone", "79161234567", "--full-name", "Anna")
    result = mailings("mailings", "test-send", mailing["mailing_id"], *to)

    assert asked(services) == {
        "gateway": mailing["gateway"],
        "body": mailing["body"],
        "mailing_id": mailing["mailing_id"],
        "to": {"phone": "79161234567", "full_name": "Anna"},
    }
    assert result.code == Exit.OK
    assert {"delivered", "gw-1"} <= set(result.out.split())
    assert "250 2.0.0 Ok: queued" in result.out


def test_what_is_not_saved_goes_to_a_client(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/test-sends", shown("delivered"))
    said = ("--body", "Hi", "--subject", "News", "--gateway", "smtp")

    result = mailings("mailings", "test-send", *said, "--client", RUN, "-o", "json")

    assert asked(services) == {
        "gateway": "smtp",
        "body": "Hi",
        "subject": "News",
        "to": {"client_id": RUN},
    }
    assert result.json["status"] == "delivered"


def test_what_failed_ends_with_an_error(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/test-sends", shown("failed", reason="status_400"))

    result = mailings("mailings", "test-send", "--body", "Hi", "--phone", "79161234567")

    assert (result.code, "status_400" in result.out) == (Exit.ERROR, True)


def test_what_is_not_over_in_time_says_how_to_see_why(
    services: Services, mailings: Mailings
) -> None:
    services.answer("/v1/test-sends", shown("planned"))
    services.answer(PATH, shown("planned"))
    to = ("--email", "anna@example.com", "--wait", "1s")

    result = mailings("mailings", "test-send", "--body", "Hi", *to)

    assert (result.code, f"./mailings why {RUN}" in result.err) == (Exit.ERROR, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--body", "Hi"),
        ("--phone", "79161234567"),
        ("--body", "Hi", "--client", RUN, "--phone", "79161234567"),
    ],
)
def test_without_content_or_one_recipient_it_is_a_mistake_of_usage(
    mailings: Mailings, arguments: tuple[str, ...]
) -> None:
    assert mailings("mailings", "test-send", *arguments).code == Exit.USAGE
