"""Rules of described gateways: what answers mean, and that nothing else is an acceptance."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.contract import NOT_TAKEN, judge
from services.dispatcher.gateways.http.description import AnswerRules
from services.dispatcher.gateways.http.pointer import MISSING, at, parse_pointer
from services.dispatcher.gateways.http.rules import RulesJudge

A, R, N, U = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.NOT_PROCESSED, Outcome.UNKNOWN
CODE = {"pointer": "/code", "values": [0]}


def verdict(rules: dict[str, Any], status: int, body: object = b"", encoding: str = "") -> Verdict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status, "text/html", raw, None, was_sent=True, content_encoding=encoding)
    return RulesJudge(AnswerRules.model_validate(rules), NOT_TAKEN).judge(answer)


def test_the_first_kind_that_holds_is_what_an_answer_means() -> None:
    same = {"status": [200]}
    rules: dict[str, Any] = {"accepted": same}
    meant = [verdict(rules, 200).outcome]
    for kind in ("not_processed", "refused", "throttled", "gateway_fault"):
        rules[kind] = [same]
        found = verdict(rules, 200)
        meant.append(found.outcome)
        assert (found.reason, found.fault) == (kind, kind == "gateway_fault")

    assert meant == [A, N, R, N, N]


@pytest.mark.parametrize(
    ("match", "body", "holds"),
    [
        (CODE, {"code": 0}, True),
        (CODE, {"code": 0.0}, True),
        (CODE, {"code": "0"}, False),
        (CODE, {"code": False}, False),
        (CODE, {"code": None}, False),
        (CODE, {"codes": 0}, False),
        (CODE, [0], False),
        (CODE, b"", False),
        (CODE, b'{"code":0', False),
        (CODE, b'{"code":' * 10_000, False),
        ({"pointer": "/a", "values": [True]}, {"a": 1}, False),
        ({"pointer": "/a", "values": [None]}, {"a": None}, True),
        ({"pointer": "/a", "values": ["x", "y"]}, {"a": "y"}, True),
        ({"pointer": "/a"}, {"a": None}, True),
        ({"pointer": "/a"}, {}, False),
        ({"pointer": ""}, [], True),
        ({"pointer": "/a/1/b"}, {"a": [0, {"b": 1}]}, True),
        ({"pointer": "/a/01"}, {"a": [0, 1]}, False),
        ({"pointer": "/a/2"}, {"a": [0, 1]}, False),
        ({"pointer": "/a/-1"}, {"a": [0, 1]}, False),
        ({"pointer": "/a", "type": "string"}, {"a": ""}, True),
        ({"pointer": "/a", "type": "string"}, {"a": 1}, False),
        ({"pointer": "/a", "type": "integer"}, {"a": 1}, True),
        ({"pointer": "/a", "type": "integer"}, {"a": 1.5}, False),
        ({"pointer": "/a", "type": "integer"}, {"a": True}, False),
        ({"pointer": "/a", "type": "number"}, {"a": 1.5}, True),
        ({"pointer": "/a", "type": "number"}, {"a": True}, False),
        ({"pointer": "/a", "type": "boolean"}, {"a": False}, True),
        ({"pointer": "/a", "type": "object"}, {"a": {}}, True),
        ({"pointer": "/a", "type": "array"}, {"a": []}, True),
        ({"pointer": "/a", "type": "null"}, {"a": None}, True),
        ({"pointer": "/a", "absent": "/a/0"}, {"a": []}, True),
        ({"pointer": "/a", "absent": "/a/0"}, {"a": [None]}, False),
        ({"pointer": "/a", "absent": "/a/0"}, {}, False),
        ({"pointer": "/a", "absent": "/a/0"}, b"<html>", False),
        ({"starts_with": "OK "}, b"OK 17", True),
        ({"starts_with": "OK "}, b"ERR", False),
    ],
)
def test_an_answer_is_accepted_only_if_all_holds(
    match: dict[str, Any], body: object, *, holds: bool
) -> None:
    found = verdict({"accepted": match}, 200, body)

    assert found.outcome is (A if holds else U)
    assert found.reason == ("accepted" if holds else "contract_violation")
    assert verdict({"accepted": match}, 299, body).outcome is U
    assert verdict({"accepted": match | {"status": [299]}}, 299, body).outcome is found.outcome


@pytest.mark.parametrize("match", [CODE, {"starts_with": "{"}])
def test_a_compressed_answer_is_not_read_as_if_it_were_none(match: dict[str, Any]) -> None:
    assert verdict({"accepted": match}, 200, {"code": 0}, encoding="gzip").outcome is U


@pytest.mark.parametrize(
    ("own_id", "kept"),
    [
        ("g-1", "g-1"),
        (17, "17"),
        (0, "0"),
        (2**63, str(2**63)),
        ("", None),
        ("x" * 201, None),
        ("a\n", None),
        (1.5, None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_the_providers_id_is_text_or_a_whole_number_and_must_be_there(
    own_id: object, kept: str | None
) -> None:
    found = verdict({"accepted": CODE, "id": "/id"}, 200, {"code": 0, "id": own_id})

    assert found.gateway_message_id == kept
    assert (found.outcome, found.reason) == (
        (A, "accepted") if kept else (U, "contract_violation")
    )


@given(st.integers(200, 599), st.binary(max_size=30))
def test_of_what_no_rule_speaks_means_what_its_status_code_says(status: int, body: bytes) -> None:
    answer = Answer(status, "application/json", body, None, was_sent=True)
    rules = AnswerRules.model_validate({"accepted": {"pointer": "/never"}})

    assert RulesJudge(rules, NOT_TAKEN).judge(answer) == judge(answer)


@pytest.mark.parametrize("was_sent", [True, False])
def test_rules_say_nothing_of_what_was_not_answered(*, was_sent: bool) -> None:
    rules = AnswerRules.model_validate(
        {"accepted": {"status": [200]}, "refused": [{"pointer": ""}]}
    )
    answer = Answer(200, "application/json", b"{}", "reset", was_sent=was_sent)

    assert RulesJudge(rules, NOT_TAKEN).judge(answer).outcome is (U if was_sent else N)


def test_a_code_that_speaks_of_one_message_burns_it_and_blames_no_gateway() -> None:
    found = verdict({"accepted": CODE, "refused": [{"status": [403]}]}, 403)

    assert (found.outcome, found.reason, found.fault) == (R, "refused", False)
    conflict = verdict({"accepted": CODE, "refused": [{"status": [409]}]}, 409)
    assert conflict.is_conflict, "so a repeat may be answered"


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({}, "accepted"),
        ({"accepted": {}}, "told by status"),
        ({"accepted": {"values": [1]}}, "need a pointer"),
        ({"accepted": {"status": [200], "type": "string"}}, "need a pointer"),
        ({"accepted": {"status": [200], "absent": "/a"}}, "needs a pointer"),
        ({"accepted": {"pointer": "code"}}, "starts with /"),
        ({"accepted": {"status": [99]}}, "status"),
        ({"accepted": {"status": [200], "reason": "Bad reason"}}, "reason"),
        ({"accepted": {"status": [200]}, "id": "id"}, "starts with /"),
        ({"accepted": {"status": [200]}, "colour": "red"}, "colour"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        AnswerRules.model_validate(rules)


def test_a_pointer_is_read_as_its_standard_says() -> None:
    document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, "~1": 9}
    pointers = {
        "": document,
        "/foo/0": "bar",
        "/": 0,
        "/a~1b": 1,
        "/m~0n": 8,
        "/~01": 9,
        "/foo/2": MISSING,
        "/foo/bar": MISSING,
        "/a~1b/c": MISSING,
    }

    assert {each: at(document, parse_pointer(each)) for each in pointers} == pointers
