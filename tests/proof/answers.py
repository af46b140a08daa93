"""What was answered to edits, against what happened then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.outside import Json

BEFORE = "before"  # the text, until it is changed
NEVER = datetime.max.replace(tzinfo=UTC)
SILENT_AFTER = timedelta(seconds=1)


@dataclass
class Race:
    """An edit of a mailing that becomes due."""

    edit: str
    mailing_id: str
    starts_at: datetime
    status: int = 0
    answer: Json = field(default_factory=dict)
    answered_at: datetime = NEVER


@dataclass(frozen=True)
class Evidence:
    """What is on record of a mailing: its events in order, and its attempts."""

    events: Sequence[tuple[str, Json]]
    attempts: Sequence[Mapping[str, Any]]

    @property
    def accepted(self) -> int:
        """How often its message was accepted."""
        return sum(each["outcome"] == "accepted" for each in self.attempts)

    def places(self, kind: str) -> list[int]:
        """Return where in the order events of a kind stand."""
        return [n for n, (name, _) in enumerate(self.events) if name == kind]

    def one(self, kind: str) -> Json:
        """Return the only event of a kind."""
        [place] = self.places(kind)
        return self.events[place][1]


def mistakes(race: Race, on_record: Evidence) -> list[str]:
    """Return what is not as it was answered, or happened twice."""
    if len(on_record.places("RunBegun")) > 1 or on_record.accepted > 1:
        return ["it began or was sent twice"]
    is_told = race.status in (200, 204)
    if race.status == 409 and race.answer["type"] == "MailingAlreadyEnded":
        return ["it had not ended"] * (not on_record.accepted)
    if not is_told and (race.status != 409 or race.edit not in ("text", "postpone")):
        return [f"it was answered {race.status}"]
    if race.edit in ("shorten", "start"):
        return ["it was not sent"] * (not on_record.accepted)
    if race.edit in ("text", "postpone"):
        return _changed(race, on_record) if is_told else _refused(race, on_record)
    return _held(race, on_record)


def _changed(race: Race, on_record: Evidence) -> list[str]:
    if not on_record.accepted or not on_record.places("MailingChanged"):
        return ["it was not changed, or not sent"]
    begun, sent = on_record.one("RunBegun"), on_record.attempts[0]
    found = []
    if on_record.places("RunBegun") < on_record.places("MailingChanged"):
        found.append("it began before it was changed, and that was not refused")
    if {begun["body"], sent["body"]} != {race.answer["body"]}:
        found.append("it was sent with another text")
    if sent["started_at"] < instant(race.answer["starts_at"]):
        found.append("it was sent before its new start")
    return found


def _refused(race: Race, on_record: Evidence) -> list[str]:
    if not on_record.accepted or on_record.places("MailingChanged"):
        return ["it was changed, or not sent"]
    begun, sent = on_record.one("RunBegun"), on_record.attempts[0]
    is_as_before = begun["body"] == sent["body"] == BEFORE
    is_as_before = is_as_before and instant(begun["starts_at"]) == race.starts_at
    return ["it was sent as it was refused"] * (not is_as_before)


def _held(race: Race, on_record: Evidence) -> list[str]:
    """Return what is wrong with a mailing that was paused for a time, stopped or deleted."""
    late = [
        each["started_at"]
        for each in on_record.attempts
        if each["started_at"] > race.answered_at + SILENT_AFTER
    ]
    if race.edit == "pause":
        resumed = on_record.places("MailingResumed")  # not, if it was over before
        until = instant(on_record.one("MailingResumed")["resumed_at"]) if resumed else NEVER
        is_wrong = any(each < until for each in late)
        return ["it was not sent"] * (not on_record.accepted) + ["it was sent paused"] * is_wrong
    ended = on_record.places("MailingStopped") + on_record.places("MailingDeleted")
    if not ended and race.edit == "stop" and on_record.accepted:
        return []  # all of it was over when it was stopped
    if not ended or any(each > ended[0] for each in on_record.places("RunBegun")):
        return ["it began after its end"]
    return ["it was sent after its end"] * len(late)


def instant(written: str) -> datetime:
    """Return the instant that stands in an event."""
    return datetime.fromisoformat(written)
