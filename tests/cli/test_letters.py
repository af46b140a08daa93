"""The commands about letters: what waits for a decision, and deciding it with a reason."""

import json
from typing import Any

import pytest

from cli import Exit
from tests.cli.conftest import Json, Mailings, Services, page

RECORDS, EVENTS = "/v1/dead-letters", "/v1/outbox/unpublished"
KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def letter(**fields: Any) -> Json:
    return {
        "topic": "catalog.mailings",
        "key": KEY,
        "recorded_at": "2026-01-01T12:00:00Z",
        "reason": "fails: KeyError",
        "is_held": False,
        "is_requested": False,
    } | fields


def test_letters_of_all_services_are_listed(services: Services, mailings: Mailings) -> None:
    held, requested = letter(is_held=True), letter(is_requested=True, key=None)
    services.answer(RECORDS, page([letter(), held]))
    services.answer(EVENTS, page([requested]))

    shown = mailings("letters", "list", "-o", "json").json

    assert len(shown) == 12
    assert {each["service"] for each in shown} == {"catalog", "scheduler", "dispatcher", "stats"}
    assert {each["kind"] for each in shown} == {"records", "events"}
    out = " ".join(mailings("letters", "list").out.split())
    for state in ("waits for a decision", "waits behind another", "is tried again"):
        assert state in out


@pytest.mark.parametrize(("kind", "path"), [("records", RECORDS), ("events", EVENTS)])
@pytest.mark.parametrize("what", ["replay", "discard"])
def test_letters_are_decided_with_a_reason(
    services: Services, mailings: Mailings, what: str, kind: str, path: str
) -> None:
    services.answer(f"{path}/{what}", {"count": 2})
    why = ("--reason", "the reader is mended", "--key", KEY, "--by", "anna")

    done = mailings("letters", what, "stats", kind, *why)

    assert (done.code, services.asked[0].path) == (Exit.OK, f"{path}/{what}")
    assert json.loads(services.asked[0].body) == {
        "reason": "the reader is mended",
        "key": KEY,
        "by": "anna",
    }
    assert "2 are" in done.err


def test_nothing_is_decided_without_a_reason(services: Services, mailings: Mailings) -> None:
    assert mailings("letters", "discard", "stats", "records").code == Exit.USAGE
    assert services.asked == []
