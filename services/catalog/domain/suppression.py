"""A suppression: what a client, or a contact, does not want any more.

Of each topic of mailings, or of all of them at once; the first reason holds until it is lifted.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, get_args

from shared.contracts.catalog import (
    SuppressedKind,
    SuppressionChanged,
    SuppressionEntry,
    SuppressionLifted,
)
from shared.contracts.dispatcher import SuppressedReason
from shared.decider import Decider
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.event import Instant

LONGEST_TOPIC = 63  # characters
TOPIC = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}", re.ASCII)  # of mailings
TOPIC_DETAIL = f"1 to {LONGEST_TOPIC} lower-case letters, digits and _.- , as in news"
ALL_TOPICS = ""  # in rows, for what is of all of them
SOURCE_LIMIT = 100  # characters
SOURCE_PATTERN = r"^[^\x00-\x1f\x7f]+$"  # of one line
SOURCE = re.compile(SOURCE_PATTERN)
TOPICS = 100  # of one subject: each of its events has all of them
REASONS = (
    SuppressedReason.REQUESTED,
    SuppressedReason.UNSUBSCRIBED,
    SuppressedReason.COMPLAINED,
    SuppressedReason.BOUNCED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwanted:
    """What somebody wants to be suppressed: a client, a contact, or the hash of one."""

    kind: SuppressedKind
    value: str
    topic: str | None = None
    reason: SuppressedReason = SuppressedReason.REQUESTED
    source: str | None = None
    is_hash: bool = False
    key_id: str | None = None  # of a hash: by which key it is, where that is known
    since: Instant | None = None  # None: now


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """Write no more to a client or a contact. What is suppressed already stays as it is."""

    subject: str
    kind: SuppressedKind
    topic: str | None  # None: of whatever topic
    reason: SuppressedReason
    source: str | None
    now: Instant
    since: Instant | None = None  # None: now
    key_id: str | None = None  # of the key that hashed the contact


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftSuppression:
    """Let a client or a contact be written to again."""

    subject: str
    topic: str | None  # None: of all of them
    now: Instant


SuppressionCommand: TypeAlias = Suppress | LiftSuppression
SuppressionEvent: TypeAlias = SuppressionChanged | SuppressionLifted


@dataclass(frozen=True, slots=True)
class Suppression:
    """All that `decide` needs to know."""

    kind: str = SuppressedKind.CLIENT
    entries: Mapping[str | None, SuppressionEntry] = field(default_factory=dict)  # by topic
    key_id: str | None = None


def decide(command: SuppressionCommand, known: Suppression) -> list[SuppressionEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    match command:
        case Suppress() as c if c.topic in known.entries:
            return []
        case Suppress() as c:
            if len(known.entries) >= TOPICS:
                raise TooManyTopics
            entry = SuppressionEntry(
                topic=c.topic, reason=c.reason, since=c.since or c.now, source=c.source
            )
            known = Suppression(
                c.kind, {**known.entries, c.topic: entry}, known.key_id or c.key_id
            )
            return [_changed(c.subject, known, c.now)]
        case LiftSuppression() as c:
            left = {
                topic: entry
                for topic, entry in known.entries.items()
                if c.topic not in (None, topic)
            }
            if len(left) == len(known.entries):
                raise SuppressionUnknown
            if not left:
                return [SuppressionLifted(subject=c.subject)]
            return [_changed(c.subject, replace(known, entries=left), c.now)]


def _changed(subject: str, known: Suppression, now: Instant) -> SuppressionChanged:
    topics = sorted(known.entries, key=lambda each: each or "")
    return SuppressionChanged(
        subject=subject,
        kind=known.kind,
        entries=tuple(known.entries[topic] for topic in topics),
        changed_at=now,
        key_id=known.key_id,
    )


def evolve(_: Suppression, event: SuppressionEvent) -> Suppression:
    """Apply what happened. Never fails: history is not negotiable."""
    match event:
        case SuppressionChanged():
            entries = {each.topic: each for each in event.entries}
            return Suppression(event.kind, entries, event.key_id)
        case SuppressionLifted():
            return Suppression()


def topic_mistake(pointer: str, topic: str | None) -> FieldError | None:
    """Return what is wrong with the topic of a mailing or a suppression."""
    if topic is None or TOPIC.fullmatch(topic):
        return None
    return FieldError(pointer, "topic", TOPIC_DETAIL, (1, LONGEST_TOPIC))


# Refusals


class SuppressionInvalid(Invalid):
    """A suppression cannot be like this."""


class SuppressionUnknown(NotFound):
    """Nothing is suppressed under this identifier, or not of this topic."""


class TooManyTopics(Conflict):
    """So many topics are suppressed here already; suppress all of them instead."""


class NoContactKeys(Conflict):
    """Contacts cannot be suppressed without CATALOG_CONTACT_KEYS; suppress the client."""


suppression = Decider(
    initial=Suppression(), evolve=evolve, decide=decide, events=get_args(SuppressionEvent)
)
