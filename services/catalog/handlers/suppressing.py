"""Suppressing: whom not to write to is entered and lifted, one by one or by the file.

With a contact, those who have it are published once more: clients that an older release has
published carry no hashes, by which others find what is suppressed, or those of older keys.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress as ignoring
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
    Unwanted,
    suppression,
)
from services.catalog.queue import suppressions as queue
from shared import telemetry
from shared.contracts.catalog import SuppressedKind
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.decider import Known
from shared.errors import StaleVersion
from shared.event import Instant
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.republish import republish_streams
from shared.event_store.snapshots import load_states


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
    candidates = [_names(keys, each) for each in unwanted]
    while True:  # each round that fails was won by another writer
        with ignoring(StaleVersion):
            async with transaction(store.pool) as db:
                await _republish(db, store, unwanted)
                streams = {_stream(subject) for names in candidates for subject, _ in names}
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
                        since=each.since,
                        key_id=key_id,
                    )
                    for (subject, key_id), each in zip(chosen, unwanted, strict=True)
                ]
                done = await _append(db, store, states, commands, now)
                crash_point("catalog.suppress.written")
            crash_point("catalog.suppress.committed")
            _count(done)
            return Suppressed([subject for subject, _ in chosen], len(done))


def _count(done: Sequence[SuppressionCommand]) -> None:
    reasons = Counter([each.reason for each in done if isinstance(each, Suppress)])
    for reason, number in reasons.items():
        telemetry.count("catalog.suppressions", number, reason=reason)


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


class _Name(NamedTuple):
    """Under what something may be suppressed."""

    subject: str
    key_id: str | None  # of the key that hashed it


def _names(keys: ContactKeys, unwanted: Unwanted) -> list[_Name]:
    """Return under which names it may be suppressed; the first is that of a new suppression."""
    if unwanted.kind is SuppressedKind.CLIENT:
        return [_Name(str(UUID(unwanted.value)), None)]
    if unwanted.is_hash:
        return [_Name(unwanted.value, unwanted.key_id)]
    if not keys:
        raise NoContactKeys
    return list(map(_Name, keys.hashes(unwanted.kind, unwanted.value), keys.ids))


def _stream(subject: str) -> str:
    return f"suppression-{subject}"


def _chosen(states: dict[str, Known[Suppression]], names: Sequence[_Name]) -> _Name:
    """Return the name under which something is suppressed, else the first."""
    known = (
        name for name in names if (at := states.get(_stream(name.subject))) and at.state.entries
    )
    return next(known, names[0])


async def _append(
    db: Connection,
    store: PostgresEventStore,
    states: dict[str, Known[Suppression]],
    commands: Sequence[SuppressionCommand],
    now: Instant,
) -> list[SuppressionCommand]:
    """Decide on all commands, those of one subject each behind the one before, and append.

    Return the commands that changed something.
    """
    appends: dict[str, Append] = {}
    done: list[SuppressionCommand] = []
    for command in commands:
        stream = _stream(command.subject)
        known = states.get(stream, Known(suppression.initial, 0))
        before = appends.get(stream, Append(stream, (), known.version))
        state = known.state
        for event in before.events:
            state = suppression.evolve(state, event)
        if decided := suppression.decide(command, state):
            appends[stream] = Append(stream, (*before.events, *decided), before.expected)
            done.append(command)
    await store.append_in(db, list(appends.values()), now=now)
    return done


async def _republish(
    db: Connection, store: PostgresEventStore, unwanted: Sequence[Unwanted]
) -> None:
    """Publish again those who have one of the contacts, ahead of what is suppressed.

    Their rows are locked first: whoever changes one of them publishes that later.
    """
    contacts = [each for each in unwanted if not each.is_hash]
    phones = [each.value for each in contacts if each.kind is SuppressedKind.PHONE]
    emails = [normal(each.value) for each in contacts if each.kind is SuppressedKind.EMAIL]
    if phones or emails:
        owners = await queue.hold_owners(db, phones=phones, emails=emails)
        if owners:
            streams = [f"client-{each}" for each in owners]
            await republish_streams(db, store, client.events, streams)
