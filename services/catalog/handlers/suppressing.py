"""Suppressing: whom not to write to is entered and lifted, one by one or by the file.

With a contact, those who have it are published once more: clients that an older release has
published carry no hashes, by which others find what is suppressed, or those of older keys.
"""

from collections.abc import Sequence
from contextlib import suppress as ignoring
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.catalog.domain.client import client
from services.catalog.domain.contact_keys import ContactKeys, normal
from services.catalog.domain.suppression import (
    LiftSuppression,
    NoContactKeys,
    Suppress,
    Suppression,
    SuppressionCommand,
    suppression,
)
from services.catalog.queue import suppressions as queue
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.decider import Known
from shared.errors import StaleVersion
from shared.event import Instant
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.republish import republish_streams
from shared.event_store.snapshots import load_states


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwanted:
    """What somebody wants to be suppressed: a client's identifier, or a contact."""

    kind: SuppressedKind
    value: str
    topic: str | None = None
    reason: SuppressedReason = SuppressedReason.REQUESTED
    source: str | None = None


class Suppressed(NamedTuple):
    """What came of it."""

    subjects: Sequence[str]  # one for each that was unwanted, in order
    new: int  # that were not suppressed before


async def suppress(
    store: PostgresEventStore, keys: ContactKeys, unwanted: Sequence[Unwanted], now: Instant
) -> Suppressed:
    """Suppress all of these in one transaction; what is suppressed already stays as it is.

    Raises:
        NoContactKeys: There is a contact among them, and no key.
        TooManyTopics: So many topics are suppressed there already.
    """
    candidates = [_subjects(keys, each) for each in unwanted]
    while True:  # each round that fails was won by another writer
        with ignoring(StaleVersion):
            async with transaction(store.pool) as db:
                await _republish(db, store, unwanted)
                streams = {_stream(name) for names in candidates for name in names}
                states = await load_states(db, streams, suppression)
                chosen = [_chosen(states, names) for names in candidates]
                commands = [
                    Suppress(
                        subject=subject,
                        kind=each.kind,
                        topic=each.topic,
                        reason=each.reason,
                        source=each.source,
                        now=now,
                    )
                    for subject, each in zip(chosen, unwanted, strict=True)
                ]
                new = await _append(db, store, states, commands, now)
                crash_point("catalog.suppress.written")
            crash_point("catalog.suppress.committed")
            return Suppressed(chosen, new)


async def lift(store: PostgresEventStore, command: LiftSuppression) -> None:
    """Lift a suppression, or that of one topic."""
    while True:
        with ignoring(StaleVersion):
            async with transaction(store.pool) as db:
                states = await load_states(db, [_stream(command.subject)], suppression)
                await _append(db, store, states, [command], command.now)
                crash_point("catalog.lift.written")
            crash_point("catalog.lift.committed")
            return


def _subjects(keys: ContactKeys, unwanted: Unwanted) -> tuple[str, ...]:
    """Return under which names it may be suppressed; the first is that of a new suppression."""
    if unwanted.kind is SuppressedKind.CLIENT:
        return (str(UUID(unwanted.value)),)
    if not keys:
        raise NoContactKeys
    return keys.hashes(unwanted.kind, unwanted.value)


def _stream(subject: str) -> str:
    return f"suppression-{subject}"


def _chosen(states: dict[str, Known[Suppression]], names: Sequence[str]) -> str:
    """Return the name under which something is suppressed, else the first."""
    known = (name for name in names if (at := states.get(_stream(name))) and at.state.entries)
    return next(known, names[0])


async def _append(
    db: Connection,
    store: PostgresEventStore,
    states: dict[str, Known[Suppression]],
    commands: Sequence[SuppressionCommand],
    now: Instant,
) -> int:
    """Decide on all commands, those of one subject each behind the one before, and append.

    Return how many events that are.
    """
    appends: dict[str, Append] = {}
    for command in commands:
        stream = _stream(command.subject)
        known = states.get(stream, Known(suppression.initial, 0))
        before = appends.get(stream, Append(stream, (), known.version))
        state = known.state
        for event in before.events:
            state = suppression.evolve(state, event)
        if decided := suppression.decide(command, state):
            appends[stream] = Append(stream, (*before.events, *decided), before.expected)
    await store.append_in(db, list(appends.values()), now=now)
    return sum(len(each.events) for each in appends.values())


async def _republish(
    db: Connection, store: PostgresEventStore, unwanted: Sequence[Unwanted]
) -> None:
    """Publish again those who have one of the contacts, ahead of what is suppressed.

    Their rows are locked first: whoever changes one of them publishes that later.
    """
    phones = [each.value for each in unwanted if each.kind is SuppressedKind.PHONE]
    emails = [normal(each.value) for each in unwanted if each.kind is SuppressedKind.EMAIL]
    if phones or emails:
        owners = await queue.hold_owners(db, phones=phones, emails=emails)
        if owners:
            streams = [f"client-{each}" for each in owners]
            await republish_streams(db, store, client.events, streams)
