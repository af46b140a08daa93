"""The plan of a chunk: which clients its rows register or change, and which rows are rejected."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from services.catalog.domain.client import NOBODY, ClientInvalid, checked
from services.catalog.domain.imports import Chunk, Counts, FileRow, Rejection
from services.catalog.queue.imports import ExistingClient
from shared import ids
from shared.contracts.catalog import ClientChanged, ClientRegistered
from shared.errors import FieldError
from shared.event import Event, Instant
from shared.event_store import Append

NO_PHONE = [FieldError("/phone", "missing", "a row needs a phone")]


@dataclass(slots=True)
class Plan:
    """What a chunk leads to."""

    appends: list[Append]
    rejections: list[Rejection]
    created: int = 0
    changed: int = 0
    unchanged: int = 0


def plan_chunk(chunk: Chunk, known: dict[str, ExistingClient], now: Instant) -> Plan:
    """Return what the rows lead to; of several with one phone each builds on the one before."""
    plan = Plan([], list(chunk.rejections))
    events: dict[str, list[Event]] = {}
    for row in chunk.rows:
        phone = row.fields.get("phone")
        if not phone:
            plan.rejections.append(_rejected(row, NO_PHONE))
            continue
        before = known.get(phone)
        try:
            profile = checked(row.fields, before.profile if before else NOBODY)
        except ClientInvalid as error:
            plan.rejections.append(_rejected(row, error.field_errors))
            continue
        if before is None:
            plan.created += 1
            known[phone] = after = ExistingClient(ids.new_id(), 1, now, profile)
            events[phone] = [_registered(after, now)]
        elif before.profile == profile:
            plan.unchanged += 1
        else:
            plan.changed += 1
            known[phone] = after = replace(before, version=before.version + 1, profile=profile)
            events.setdefault(phone, []).append(_changed(after, now))
    plan.appends = [_append(known[phone], new) for phone, new in events.items()]
    return plan


def _rejected(row: FileRow, mistakes: Sequence[FieldError]) -> Rejection:
    return Rejection(row.row, row.line, row.last_line, mistakes)


def _registered(known: ExistingClient, now: Instant) -> Event:
    return ClientRegistered(
        client_id=known.client_id, registered_at=now, **known.profile.as_dict()
    )


def _changed(known: ExistingClient, now: Instant) -> Event:
    return ClientChanged(
        client_id=known.client_id,
        changed_at=now,
        registered_at=known.registered_at,
        **known.profile.as_dict(),
    )


def _append(known: ExistingClient, events: Sequence[Event]) -> Append:
    """Return `events`, which led to `known`, as what is to be appended to its stream."""
    return Append(f"client-{known.client_id}", events, known.version - len(events))


def counts_of(chunk: Chunk, plan: Plan) -> Counts:
    """Return what a plan makes of a chunk, in numbers."""
    return Counts(
        rows=len(chunk.rows) + len(chunk.rejections),
        created=plan.created,
        changed=plan.changed,
        unchanged=plan.unchanged,
        rejected=len(plan.rejections),
        bytes_read=chunk.bytes_read,
        lines_read=chunk.lines_read,
    )
