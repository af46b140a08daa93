"""What the proof of races judges as wrong: it could fail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.proof.answers import BEFORE, Evidence, Race, mistakes

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = START + 8 * SECOND
CREATED = ("MailingCreated", dict[str, Any]())
PAUSED = ("MailingPaused", dict[str, Any]())
STOPPED = ("MailingStopped", dict[str, Any]())
DELETED = ("MailingDeleted", dict[str, Any]())
RESUMED = ("MailingResumed", {"resumed_at": LATER.isoformat()})


def begun(body: str = BEFORE, at: datetime = START) -> tuple[str, dict[str, Any]]:
    return "RunBegun", {"body": body, "starts_at": at.isoformat()}


def changed(body: str = BEFORE, at: datetime = START) -> tuple[str, dict[str, Any]]:
    return "MailingChanged", {"body": body, "starts_at": at.isoformat()}


def sent(body: str = BEFORE, at: datetime = START) -> dict[str, Any]:
    return {"body": body, "started_at": at, "outcome": "accepted"}


def race(edit: str, status: int = 200, **answer: Any) -> Race:
    shown = {"body": BEFORE, "starts_at": START.isoformat(), "type": "MailingAlreadyRunning"}
    return Race(edit, "m", START, status, shown | answer, START)


TO_AFTER: dict[str, Any] = {"body": "after"}
POSTPONED: dict[str, Any] = {"starts_at": LATER.isoformat()}
RIGHT: list[tuple[Race, list[Any], list[Any]]] = [
    (race("text", **TO_AFTER), [changed("after"), begun("after")], [sent("after")]),
    (race("text", 409), [begun()], [sent()]),
    (race("postpone", **POSTPONED), [changed(at=LATER), begun(at=LATER)], [sent(at=LATER)]),
    (race("shorten"), [begun(), changed()], [sent()]),
    (race("start"), [begun()], [sent()]),
    (race("pause"), [PAUSED, begun(), RESUMED], [sent(at=LATER + SECOND)]),
    (race("pause"), [begun(), PAUSED], [sent()]),
    (race("pause", 409, type="MailingAlreadyEnded"), [begun()], [sent()]),
    (race("stop"), [begun(), STOPPED], [sent()]),
    (race("stop"), [STOPPED], []),
    (race("stop"), [begun()], [sent()]),
    (race("delete", 204), [begun(), DELETED], [sent(at=START + SECOND)]),
]
WRONG: list[tuple[Race, list[Any], list[Any]]] = [
    (race("text", **TO_AFTER), [begun("after"), changed("after")], [sent("after")]),
    (race("text", **TO_AFTER), [changed("after"), begun()], [sent()]),
    (race("text", **TO_AFTER), [changed("after"), begun("after")], []),
    (race("text", 409), [changed("after"), begun("after")], [sent("after")]),
    (race("text", 409), [begun("after")], [sent("after")]),
    (race("text", 500), [begun()], [sent()]),
    (race("postpone", **POSTPONED), [changed(at=LATER), begun(at=LATER)], [sent()]),
    (race("shorten", 409), [begun()], [sent()]),
    (race("shorten"), [begun(), changed()], []),
    (race("start"), [begun(), begun()], [sent()]),
    (race("start"), [begun()], [sent(), sent()]),
    (race("pause"), [PAUSED, begun(), RESUMED], [sent(at=LATER - SECOND)]),
    (race("pause"), [begun(), PAUSED], [sent(at=LATER)]),
    (race("pause", 409, type="MailingAlreadyEnded"), [], []),
    (race("stop"), [STOPPED, begun()], []),
    (race("stop"), [begun(), STOPPED], [sent(at=LATER)]),
    (race("delete", 204), [begun()], [sent()]),
]


@pytest.mark.parametrize(("race", "events", "attempts"), RIGHT)
def test_what_was_answered_truly_is_right(
    race: Race, events: list[Any], attempts: list[Any]
) -> None:
    assert mistakes(race, Evidence([CREATED, *events], attempts)) == []


@pytest.mark.parametrize(("race", "events", "attempts"), WRONG)
def test_what_was_not_answered_truly_is_found(
    race: Race, events: list[Any], attempts: list[Any]
) -> None:
    assert mistakes(race, Evidence([CREATED, *events], attempts))
