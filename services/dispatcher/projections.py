"""Projections: events of others in, rows of the dispatcher's own copies out.

Idempotent, and what is older than the row is ignored: applying twice, or late, changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from services.dispatcher import tables
from services.dispatcher.queue.erasing import note_erasures
from services.dispatcher.tables import mailings, runs
from shared import encoded
from shared.contracts.catalog import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    MessageClass,
    Priority,
    RunBegun,
    content_of,
)
from shared.contracts.scheduler import MailingScheduled
from shared.database import Connection, copy_encoded, copy_if_new
from shared.event import Instant, Received

ClientEvent: TypeAlias = ClientRegistered | ClientChanged | ClientRemoved
MailingEvent: TypeAlias = (
    MailingCreated
    | MailingChanged
    | MailingPaused
    | MailingResumed
    | MailingStopped
    | MailingDeleted
)

FIRST = UUID(int=0)
SEPARATOR = "\x1f"  # of tags; no tag has a control character in it

COLUMNS = tuple(column.name for column in tables.clients.columns)
KNOWN = text("""
    SELECT client_id FROM clients WHERE client_id = ANY(CAST(:client_ids AS uuid[]))
""")
# Tags travel as one text, for arrays don't nest.
CHANGE_CLIENTS = text("""
    UPDATE clients SET
        version = newest.version, is_removed = newest.is_removed, phone = newest.phone,
        operator_code = newest.operator_code, tags = string_to_array(newest.tags, E'\\x1f'),
        time_zone = newest.time_zone, email = newest.email, full_name = newest.full_name,
        comment = newest.comment, preferred_times = newest.preferred_times,
        registered_at = coalesce(newest.registered_at, clients.registered_at),
        phone_hashes = newest.phone_hashes, email_hashes = newest.email_hashes
    FROM unnest(
        CAST(:client_ids AS uuid[]), CAST(:versions AS int[]), CAST(:are_removed AS boolean[]),
        CAST(:phones AS text[]), CAST(:operator_codes AS text[]), CAST(:tags AS text[]),
        CAST(:time_zones AS text[]), CAST(:emails AS text[]), CAST(:full_names AS text[]),
        CAST(:comments AS text[]), CAST(:registered_at AS timestamptz[]),
        CAST(:phone_hashes AS text[]), CAST(:email_hashes AS text[]),
        CAST(:preferred_times AS text[])
    ) AS newest (
        client_id, version, is_removed, phone, operator_code, tags, time_zone, email, full_name,
        comment, registered_at, phone_hashes, email_hashes, preferred_times
    )
    WHERE clients.client_id = newest.client_id AND (
        clients.version < newest.version OR clients.version = newest.version
            AND coalesce(newest.phone_hashes, newest.email_hashes) IS NOT NULL
    )
""")


async def clients(db: Connection, received: Sequence[Received[ClientEvent]]) -> None:
    """Store the clients as they are now; of a removed one only that it is removed.

    The caller holds the partitions that the events came from: nobody else writes these clients.
    """
    newest: dict[UUID, tuple[int, ClientEvent]] = {}
    for each in received:
        event, version = each.event, each.version
        before = newest.get(event.client_id)
        if before is None or before[0] < version or (before[0] == version and _has_hashes(event)):
            newest[event.client_id] = (version, event)
    await _erase_contacts(db, newest)
    is_import = all(version == 1 for version, _ in newest.values())
    rows = starmap(_row, newest.values())
    if is_import and await copy_if_new(db, "clients", COLUMNS, rows):
        return  # by COPY, which costs a fifth of an INSERT, and without asking first
    known = set((await db.scalars(KNOWN, {"client_ids": list(newest)})).all())
    new = [_row(*newest[client_id]) for client_id in newest if client_id not in known]
    await copy_encoded(db, "clients", COLUMNS, new)
    if known:
        await _change(db, {client_id: newest[client_id] for client_id in known})
    await _drop_contacts(db, newest)


def _row(version: int, event: ClientEvent) -> bytes:
    """Return a row of COLUMNS; of a removal most of it is empty."""
    if isinstance(event, ClientRemoved):
        named = encoded.uuid(event.client_id), encoded.integer(version), encoded.TRUE
        return encoded.row(*named, *[encoded.NULL] * 2, encoded.texts(()), *[encoded.NULL] * 8)
    return encoded.row(
        encoded.uuid(event.client_id),
        encoded.integer(version),
        encoded.FALSE,
        encoded.text(event.phone),
        encoded.word(event.operator_code),
        encoded.texts(event.tags),
        encoded.word(event.time_zone),
        encoded.text(event.email),
        encoded.text(event.full_name),
        encoded.text(event.comment),
        encoded.instant(event.registered_at),
        encoded.text(_joined(event.phone_hashes)),
        encoded.text(_joined(event.email_hashes)),
        encoded.text(event.preferred_times),
    )


def _has_hashes(event: ClientEvent) -> bool:
    """Return whether it may come again with the same version: published with other hashes."""
    return bool(getattr(event, "phone_hashes", ()) or getattr(event, "email_hashes", ()))


def _joined(hashes: Sequence[str]) -> str | None:
    return " ".join(hashes) or None


async def _change(db: Connection, newest: dict[UUID, tuple[int, ClientEvent]]) -> None:
    states = [event for _, event in newest.values()]
    await db.execute(
        CHANGE_CLIENTS,
        {
            "client_ids": list(newest),
            "versions": [version for version, _ in newest.values()],
            "are_removed": [isinstance(each, ClientRemoved) for each in states],
            "phones": _each(states, "phone"),
            "operator_codes": _each(states, "operator_code"),
            "tags": [SEPARATOR.join(getattr(each, "tags", ())) for each in states],
            "time_zones": _each(states, "time_zone"),
            "emails": _each(states, "email"),
            "full_names": _each(states, "full_name"),
            "comments": _each(states, "comment"),
            "registered_at": _each(states, "registered_at"),
            "phone_hashes": [_joined(getattr(each, "phone_hashes", ())) for each in states],
            "email_hashes": [_joined(getattr(each, "email_hashes", ())) for each in states],
            "preferred_times": _each(states, "preferred_times"),
        },
    )


# Bare contacts of test sends with the phone or the e-mail of clients that are removed now.
ERASE_CONTACTS = text("""
    DELETE FROM clients AS bare USING clients AS own
    WHERE own.client_id = ANY(CAST(:client_ids AS uuid[])) AND bare.registered_at = 'infinity'
        AND (bare.phone = own.phone OR lower(bare.email) = lower(own.email))
    RETURNING bare.client_id, own.client_id AS own_id
""")
DROP_CONTACTS = text("""
    UPDATE exceptions SET contact = NULL
    WHERE client_id = ANY(CAST(:client_ids AS uuid[])) AND contact IS NOT NULL
""")


async def _erase_contacts(db: Connection, newest: Mapping[UUID, tuple[int, ClientEvent]]) -> None:
    """Erase what test sends have of clients that are removed now, before theirs is gone.

    Of those that are erased, what was recorded of them and of their test sends goes next.
    """
    removed = [key for key, (_, event) in newest.items() if isinstance(event, ClientRemoved)]
    if not removed:
        return
    bare = (await db.execute(ERASE_CONTACTS, {"client_ids": removed})).all()
    erased = {
        key
        for key, (_, event) in newest.items()
        if isinstance(event, ClientRemoved) and event.is_erased
    }
    of_tests = {row.client_id for row in bare if row.own_id in erased}
    await note_erasures(db, erased | of_tests)


async def _drop_contacts(db: Connection, newest: Mapping[UUID, tuple[int, ClientEvent]]) -> None:
    """Drop the contacts of removed clients that were kept to be used again."""
    removed = [key for key, (_, event) in newest.items() if isinstance(event, ClientRemoved)]
    if removed:
        await db.execute(DROP_CONTACTS, {"client_ids": removed})


def _each(states: Iterable[ClientEvent], name: str) -> list[Any]:
    return [getattr(each, name, None) for each in states]


async def controls(db: Connection, received: Sequence[Received[MailingEvent]]) -> None:
    """Store what is allowed of each mailing now, whether its run is here or still to come."""
    for each in received:
        values: dict[str, Any] = {"version": each.version}
        match each.event:
            case MailingCreated() | MailingChanged() as event:
                values |= {"ends_at": event.ends_at, "runs_once": event.schedule is None}
            case MailingPaused(paused_at=at, by=by):
                values |= {"is_paused": True, "paused_at": at, "paused_by": by}
            case MailingResumed(resumed_at=at):
                values |= {"is_paused": False, "resumed_at": at}
                values |= {"paused_at": None, "paused_by": None}
            case MailingStopped(stopped_at=at, by=by):
                values |= {"is_stopped": True, "stopped_at": at, "stopped_by": by}
            case MailingDeleted(deleted_at=at):
                values |= {"is_stopped": True, "stopped_at": at}
        fresh = {"mailing_id": each.event.mailing_id, "is_paused": False, "is_stopped": False}
        await db.execute(
            insert(mailings)
            .values(fresh | values)
            .on_conflict_do_update(
                index_elements=["mailing_id"],
                set_=values,
                where=mailings.c.version < each.version,
            )
        )


async def mailing_scheduled(
    db: Connection, received: Sequence[Received[MailingScheduled]]
) -> None:
    """Insert the runs of older releases, where the scheduler alone decided that they begin."""
    begun = [each for each in received if not each.event.is_proposal]
    await _insert_runs(db, [(each, each.event.scheduled_at, None) for each in begun])


async def run_begun(db: Connection, received: Sequence[Received[RunBegun]]) -> None:
    """Insert the runs, which wait until the clients of their time are here."""
    begun = [(each, each.event.begun_at, each.event.begun_at) for each in received]
    await _insert_runs(db, begun)


async def _insert_runs(
    db: Connection,
    begun: Sequence[
        tuple[Received[RunBegun] | Received[MailingScheduled], Instant, Instant | None]
    ],
) -> None:
    rows = [
        {
            "run_id": each.event.run_id,
            "mailing_id": each.event.mailing_id,
            **content_of(each.event).as_dict(),
            "filter": msgspec.to_builtins(each.event.filter),
            "is_last": each.event.is_last,
            "traceparent": each.traceparent,
            "state": "waiting",
            "expanded_to": FIRST,
            "chunk_count": 0,
            "planned_count": 0,
            "created_at": created_at,
            "begun_at": begun_at,
            "is_by_chunk": True,
            **_delivery(each.event),
        }
        for each, created_at, begun_at in begun
    ]
    if rows:
        await db.execute(insert(runs).on_conflict_do_nothing(), rows)


PRIORITIES, CLASSES = frozenset(Priority), frozenset(MessageClass)


def _delivery(event: RunBegun | MailingScheduled) -> dict[str, Any]:
    """Return what a mailing says of its order, class and retries; older ones say nothing.

    What a newer release may say of order and class is nothing either: such runs must be found.
    """
    if not isinstance(event, RunBegun):
        usual = {"priority": Priority.NORMAL, "message_class": MessageClass.MARKETING}
        names = ("max_attempts", "on_unknown", "topic", "time_policy", "local_time", "quiet_hours")
        return dict.fromkeys(names) | usual
    known = event.message_class in CLASSES
    return {
        "max_attempts": event.max_attempts,
        "on_unknown": event.on_unknown,
        "priority": event.priority if event.priority in PRIORITIES else Priority.NORMAL,
        "message_class": event.message_class if known else MessageClass.MARKETING,
        "topic": event.mailing_topic,
        "time_policy": msgspec.to_builtins(event.time_policy),
        "local_time": event.local_time,
        "quiet_hours": msgspec.to_builtins(event.quiet_hours),
    }
