"""The commands about messages."""

import json

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

RUN = "0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
OTHER = "1d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90"
ID = "-o" + "x" * 41  # begins as an option does


@pytest.fixture
def message() -> Json:
    return {
        "message_id": ID,
        "run_id": RUN,
        "mailing_id": OTHER,
        "client_id": OTHER,
        "status": "delivered",
        "attempts": 2,
        "last_attempt_at": "2026-01-01T12:00:00Z",
        "next_attempt_at": None,
        "reason": None,
    }


@pytest.fixture
def attempt() -> Json:
    return {
        "attempt": 1,
        "kind": "answer",
        "started_at": "2026-01-01T12:00:00Z",
        "ended_at": "2026-01-01T12:00:01Z",
        "outcome": "unknown",
        "status_code": 200,
        "reason": "contract_violation",
        "gateway_message_id": None,
        "answer": "<html>\n  busy \x1b[2J</html>",
        "latency_ms": 1_000.25,
    }


@pytest.mark.parametrize("arguments", [(ID,), (ID, "-o", "json"), ("-o", "json", ID), ("--", ID)])
def test_a_message_is_shown_even_when_its_identifier_begins_with_a_dash(
    services: Services, mailings: Mailings, message: Json, arguments: tuple[str, ...]
) -> None:
    services.answer(f"/v1/messages/{ID}", {**message, "attempts_log": []})

    result = mailings("messages", "show", *arguments)

    assert result.code == Exit.OK
    assert ID in result.out


def test_a_message_is_resolved_and_shown(
    services: Services, mailings: Mailings, message: Json
) -> None:
    resolved = {**message, "reason": "their report", "attempts_log": []}
    services.answer(f"/v1/messages/{ID}/resolve", resolved)
    options = ("--as", "delivered", "--reason", "their report", "--by", "anna")

    result = mailings("messages", "resolve", ID, *options)

    assert (result.code, "their report" in result.out) == (Exit.OK, True)
    expected = {"outcome": "delivered", "reason": "their report", "by": "anna"}
    assert json.loads(services.asked[0].body) == expected


def test_a_message_cannot_be_said_to_be_open_again(services: Services, mailings: Mailings) -> None:
    options = ("--as", "planned", "--reason", "again")

    assert mailings("messages", "resolve", ID, *options).code == Exit.USAGE
    assert services.asked == []


def test_each_attempt_is_shown_with_the_answer_of_the_gateway_in_one_line(
    services: Services, mailings: Mailings, message: Json, attempt: Json
) -> None:
    services.answer(f"/v1/messages/{ID}", {**message, "attempts_log": [attempt]})

    out = mailings("messages", "show", ID).out

    assert "contract_violation" in out
    assert "<html> busy \N{REPLACEMENT CHARACTER}[2J</html>" in out
    assert "1,000.2 ms" in out


def test_an_identifier_of_another_length_is_a_mistake_of_usage(mailings: Mailings) -> None:
    assert mailings("messages", "show", "short").code == Exit.USAGE


def test_messages_of_a_run_are_listed_with_phone_and_mailing(
    services: Services, mailings: Mailings, message: Json
) -> None:
    services.answer(f"/v1/runs/{RUN}", {"run_id": RUN})
    services.answer("/v1/messages", page([message]))
    services.answer(f"/v1/clients/{OTHER}", {"phone": "79161234567", "email": None})
    services.answer(f"/v1/mailings/{OTHER}", {"name": "Spring"})

    result = mailings("messages", "list", "--run", RUN, "--status", "delivered")

    assert {ID, "79161234567", "Spring"} <= set(result.out.split())
    assert services.asked[1].parameters == {"run_id": RUN, "status": "delivered", "limit": "50"}


def test_who_is_removed_is_named_by_identifier(
    services: Services, mailings: Mailings, message: Json
) -> None:
    services.answer(f"/v1/runs/{RUN}", {"run_id": RUN})
    services.answer("/v1/messages", page([message]))

    result = mailings("messages", "list", "--run", RUN)

    assert (result.code, OTHER in result.out) == (Exit.OK, True)


def test_messages_of_a_run_that_is_none_are_an_error(
    services: Services, mailings: Mailings
) -> None:
    services.refuse(f"/v1/runs/{RUN}", 404, type="RunUnknown", title="No run has this identifier.")

    result = mailings("messages", "list", "--run", RUN)

    assert result.code == Exit.NOT_FOUND
    assert "No run has this identifier." in result.err
    assert "./mailings runs list" in result.err


def test_no_messages_are_said_to_be_none(services: Services, mailings: Mailings) -> None:
    services.answer("/v1/runs", page([]))

    result = mailings("messages", "list")

    assert (result.code, result.out) == (Exit.OK, "")
    assert "There are no messages." in result.err


def test_messages_of_all_runs_are_listed_run_by_run_up_to_the_limit(
    services: Services, mailings: Mailings, message: Json
) -> None:
    services.answer("/v1/runs", page([{"run_id": RUN}, {"run_id": OTHER}, {"run_id": RUN}]))
    services.answer("/v1/messages", page([message]), page([message]), page([]))

    result = mailings("messages", "list", "--limit", "2", "-o", "json")

    assert result.json == [message, message]
    asked = [each.parameters for each in services.asked[1:]]
    assert asked == [{"run_id": RUN, "limit": "2"}, {"run_id": OTHER, "limit": "1"}]


def test_archived_runs_have_no_messages_to_be_listed(
    services: Services, mailings: Mailings, message: Json
) -> None:
    runs = [{"run_id": RUN, "state": "archived"}, {"run_id": OTHER, "state": "finished"}]
    services.answer("/v1/runs", page(runs))
    services.answer("/v1/messages", page([message]))

    assert mailings("messages", "list", "-o", "json").json == [message]

    assert [each.parameters["run_id"] for each in services.asked[1:]] == [OTHER]
