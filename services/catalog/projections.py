"""Projections: events in, rows of the catalog's own tables out.

Idempotent, and what is older than the row is ignored: applying twice, or late, changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Update, bindparam, case, delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from services.catalog.domain.client import PhoneTaken
from services.catalog.domain.mailing_state import (
    MailingBegan,
    MailingFinished,
    MailingMissed,
    Status,
)
from services.catalog.tables import clients, mailings
from shared.contracts.catalog import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
)
from shared.database import Connection, copy_if_new, sql
from shared.errors import FieldError
from shared.event import Event, Recorded

Projection: TypeAlias = Callable[[Connection, Sequence[Recorded[Any]]], Awaitable[None]]

ADDED = """
    FROM unnest(
        CAST(:client_ids AS uuid[]), CAST(:phones AS text[]), CAST(:operator_codes AS text[]),
        CAST(:tags AS text[]), CAST(:time_zones AS text[]), CAST(:emails AS text[]),
        CAST(:full_names AS text[]), CAST(:comments AS text[]), CAST(:versions AS int[]),
        CAST(:instants AS timestamptz[])
    ) AS added (
        client_id, phone, operator_code, tags, time_zone, email, full_name, comment, version, at
    )
"""
TAGS = "CAST(added.tags AS text[])"  # arrays in an array don't nest: each is written as text

COLUMNS = tuple(column.name for column in clients.columns)
KNOWN = text("""
    SELECT client_id FROM clients
    WHERE client_id = ANY(CAST(string_to_array(:client_ids, ',') AS uuid[]))
""")
CHANGE = sql(
    """
    UPDATE clients SET
        phone = added.phone, operator_code = added.operator_code,
        tags = {tags},
        time_zone = added.time_zone, email = added.email, full_name = added.full_name,
        comment = added.comment, version = added.version, changed_at = added.at
    {added} WHERE clients.client_id = added.client_id AND clients.version < added.version
""",
    tags=TAGS,
    added=ADDED,
)


async def project(db: Connection, recorded: Sequence[Recorded[Any]]) -> None:
    """Apply `recorded` in its order; neighbors of one kind, such as an import, in one go.

    New clients come first, as they do in their streams: so an import has one turn for them and
    one for those that change, however its rows are mixed.

    Raises:
        PhoneTaken: Another client has the phone.
    """
    ordered = sorted(recorded, key=lambda each: type(each.event) is not ClientRegistered)
    for kind, neighbors in groupby(ordered, key=lambda each: type(each.event)):
        await PROJECTIONS[kind](db, list(neighbors))


async def client_registered(
    db: Connection, recorded: Sequence[Recorded[ClientRegistered]]
) -> None:
    """Show the clients; those that are new by COPY, which costs a fifth of an INSERT.

    In the order of the phones: two imports that add the same ones wait for each other only one
    way.
    """
    rows = [_row(each.event, each.version) for each in recorded]
    rows.sort(key=lambda row: row[1] or "")
    if await copy_if_new(db, "clients", COLUMNS, rows):
        return
    wanted = {"client_ids": ",".join([each.key for each in recorded])}
    known = set((await db.scalars(KNOWN, wanted)).all())
    new = [row for row in rows if row[0] not in known]
    if not known or not await copy_if_new(db, "clients", COLUMNS, new):
        raise PhoneTaken(FieldError("/phone", "taken"))


def _row(state: ClientRegistered, version: int) -> tuple[Any, ...]:
    """Return a row of COLUMNS."""
    return (
        state.client_id,
        state.phone,
        state.operator_code,
        state.tags,
        state.time_zone,
        state.email,
        state.full_name,
        state.comment,
        version,
        state.registered_at,
        state.registered_at,
    )


async def client_changed(db: Connection, recorded: Sequence[Recorded[ClientChanged]]) -> None:
    """Show the clients as they are now; of several changes of one the last."""
    recorded = list({each.event.client_id: each for each in recorded}.values())
    values = _columns(recorded) | {"instants": [each.event.changed_at for each in recorded]}
    try:
        await db.execute(CHANGE, values)
    except IntegrityError as error:
        raise PhoneTaken(FieldError("/phone", "taken")) from error


async def client_removed(db: Connection, recorded: Sequence[Recorded[ClientRemoved]]) -> None:
    """Show the clients no more."""
    gone = [each.event.client_id for each in recorded]
    await db.execute(delete(clients).where(clients.c.client_id.in_(gone)))


def _columns(recorded: Sequence[Recorded[Any]]) -> dict[str, Any]:
    states = [each.event for each in recorded]
    return {
        "client_ids": [each.client_id for each in states],
        "phones": [each.phone for each in states],
        "operator_codes": [each.operator_code for each in states],
        "tags": [_array(each.tags) for each in states],
        "time_zones": [each.time_zone for each in states],
        "emails": [each.email for each in states],
        "full_names": [each.full_name for each in states],
        "comments": [each.comment for each in states],
        "versions": [each.version for each in recorded],
    }


def _array(tags: Sequence[str]) -> str:
    """Write `tags` as PostgreSQL reads an array."""
    if not tags:
        return "{}"
    escaped = (tag.replace("\\", "\\\\").replace('"', '\\"') for tag in tags)
    return '{"' + '","'.join(escaped) + '"}'


async def mailing_created(db: Connection, recorded: Sequence[Recorded[MailingCreated]]) -> None:
    """Show the mailing."""
    rows = [
        msgspec.structs.asdict(each.event)
        | {
            "filter": msgspec.to_builtins(each.event.filter),
            "status": Status.CREATED,
            "has_begun": False,
            "version": each.version,
            "changed_at": each.event.created_at,
        }
        for each in recorded
    ]
    await db.execute(insert(mailings).on_conflict_do_nothing(), rows)


async def mailing_changed(db: Connection, recorded: Sequence[Recorded[MailingChanged]]) -> None:
    """Show the mailing as it is planned now."""
    for each in recorded:
        plan = msgspec.structs.asdict(each.event)
        plan["filter"] = msgspec.to_builtins(each.event.filter)
        await _show(db, each, **plan)


NOT_PAUSED: Mapping[str, object] = {"paused_at": None, "paused_by": None}


async def mailing_paused(db: Connection, recorded: Sequence[Recorded[MailingPaused]]) -> None:
    """Show that it is paused."""
    for each in recorded:
        at, by = each.event.paused_at, each.event.by
        await _show(db, each, status=Status.PAUSED, paused_at=at, paused_by=by)


async def mailing_resumed(db: Connection, recorded: Sequence[Recorded[MailingResumed]]) -> None:
    """Show that it is running again, or waits for its start again."""
    status = case((mailings.c.has_begun, Status.RUNNING), else_=Status.CREATED)
    for each in recorded:
        await _show(db, each, status=status, **NOT_PAUSED)


async def mailing_stopped(db: Connection, recorded: Sequence[Recorded[MailingStopped]]) -> None:
    """Show that it is stopped."""
    for each in recorded:
        await _show(db, each, status=Status.STOPPED, **NOT_PAUSED)


async def mailing_deleted(db: Connection, recorded: Sequence[Recorded[MailingDeleted]]) -> None:
    """Show it no more."""
    gone = [each.event.mailing_id for each in recorded]
    await db.execute(delete(mailings).where(mailings.c.mailing_id.in_(gone)))


async def mailing_run_requested(
    db: Connection, recorded: Sequence[Recorded[MailingRunRequested]]
) -> None:
    """Show that its window begins now."""
    for each in recorded:
        await _show(db, each, starts_at=each.event.requested_at)


async def run_begun(db: Connection, recorded: Sequence[Recorded[RunBegun | MailingBegan]]) -> None:
    """Show that it is running, unless it was paused before."""
    is_paused = mailings.c.status == Status.PAUSED
    status = case((is_paused, Status.PAUSED), else_=Status.RUNNING)
    shown = _newer().values(status=status, has_begun=True, **_versions())
    await db.execute(shown, [_version(each) for each in recorded])


async def run_declined(db: Connection, recorded: Sequence[Recorded[RunDeclined]]) -> None:
    """Show the version; all else is as it was."""
    for each in recorded:
        await _show(db, each)


async def mailing_missed(db: Connection, recorded: Sequence[Recorded[MailingMissed]]) -> None:
    """Show that it is over, and why nothing was sent."""
    for each in recorded:
        reason = each.event.reason
        await _show(db, each, status=Status.FINISHED, missed_reason=reason, **NOT_PAUSED)


async def mailing_finished(db: Connection, recorded: Sequence[Recorded[MailingFinished]]) -> None:
    """Show that it has finished."""
    for each in recorded:
        await _show(db, each, status=Status.FINISHED, **NOT_PAUSED)


async def _show(db: Connection, each: Recorded[Any], **values: object) -> None:
    await db.execute(_newer().values(**(values | _versions())), _version(each))


def _newer() -> Update:
    """Return an update of the row of a mailing, if that is older."""
    is_same = mailings.c.mailing_id == bindparam("id")
    return update(mailings).where(is_same, mailings.c.version < bindparam("at"))


def _versions() -> dict[str, Any]:
    return {"version": bindparam("at"), "changed_at": bindparam("recorded_at")}


def _version(each: Recorded[Any]) -> dict[str, object]:
    """Return the parameters of `_newer` and `_versions`."""
    return {
        "id": each.event.mailing_id,
        "at": each.version,
        "recorded_at": each.recorded_at,
    }


PROJECTIONS: Mapping[type[Event], Projection] = {
    ClientRegistered: client_registered,
    ClientChanged: client_changed,
    ClientRemoved: client_removed,
    MailingCreated: mailing_created,
    MailingChanged: mailing_changed,
    MailingRunRequested: mailing_run_requested,
    MailingPaused: mailing_paused,
    MailingResumed: mailing_resumed,
    MailingStopped: mailing_stopped,
    MailingDeleted: mailing_deleted,
    RunBegun: run_begun,
    MailingBegan: run_begun,
    RunDeclined: run_declined,
    MailingMissed: mailing_missed,
    MailingFinished: mailing_finished,
}
