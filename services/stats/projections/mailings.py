"""What people see of a mailing: its events in, the columns of its row that no run changes out.

Idempotent: what is older than the row is ignored. When its last occurrence was decided comes from
two services, in any order, so the latest instant counts.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import text

from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    RunBegun,
)
from shared.contracts.scheduler import RunMissed
from shared.database import Connection, sql
from shared.event import Received

Row: TypeAlias = dict[str, Any]

KINDS = (
    MailingCreated,
    MailingChanged,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    MailingDeleted,
    RunBegun,
    RunMissed,
)

# Of each column: what an event does not say stays as it is.
COLUMNS = {
    "name": "text",
    "starts_at": "timestamptz",
    "ends_at": "timestamptz",
    "run_nominal": "text",
    "run_ends_at": "timestamptz",
    "is_recurring": "boolean",
    "schedule": "text",
    "is_paused": "boolean",
    "created_at": "timestamptz",
    "edited_at": "timestamptz",
    "stopped_at": "timestamptz",
    "deleted_at": "timestamptz",
}

# In the order of their keys, as those change them who add up runs.
ENSURE_MAILINGS = text("""
    INSERT INTO mailings (generation, mailing_id)
    SELECT :generation, mailing_id FROM unnest(CAST(:mailing_ids AS uuid[])) AS named (mailing_id)
    ORDER BY mailing_id
    ON CONFLICT DO NOTHING
""")
CHANGE_MAILINGS = sql(
    """
    UPDATE mailings SET {changes},
        last_at = greatest(mailings.last_at, changed.last_at),
        version = greatest(mailings.version, changed.version)
    FROM unnest(
        CAST(:mailing_ids AS uuid[]), CAST(:versions AS bigint[]),
        CAST(:last_at AS timestamptz[]), {arrays}
    ) AS changed (mailing_id, version, last_at, {names}), (
        SELECT mailing_id FROM mailings
        WHERE generation = :generation AND mailing_id = ANY(CAST(:mailing_ids AS uuid[]))
        ORDER BY mailing_id FOR NO KEY UPDATE
    ) AS held
    WHERE mailings.generation = :generation AND mailings.mailing_id = held.mailing_id
        AND changed.mailing_id = held.mailing_id AND (
            mailings.version < changed.version
            OR changed.last_at > coalesce(mailings.last_at, '-infinity')
        )
    """,
    changes=", ".join(
        f"""{name} = CASE WHEN mailings.version < changed.version
            THEN coalesce(changed.{name}, mailings.{name}) ELSE mailings.{name} END"""
        for name in COLUMNS
    ),
    names=", ".join(COLUMNS),
    arrays=", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in COLUMNS.items()),
)


async def project(db: Connection, generation: int, received: Sequence[Received[Any]]) -> None:
    """Apply events to what people see of their mailings."""
    changes: dict[Any, Row] = {}
    for each in received:
        event = each.event
        if isinstance(event, KINDS):
            row = changes.setdefault(event.mailing_id, {"version": 0, "last_at": None})
            _apply(row, event, each.version)
    if not changes:
        return
    ordered = sorted(changes)
    rows = [changes[mailing_id] for mailing_id in ordered]
    values: dict[str, Any] = {
        "generation": generation,
        "mailing_ids": ordered,
        "versions": [row["version"] for row in rows],
        "last_at": [row["last_at"] for row in rows],
        **{name: [row.get(name) for row in rows] for name in COLUMNS},
    }
    await db.execute(ENSURE_MAILINGS, {"generation": generation, "mailing_ids": ordered})
    await db.execute(CHANGE_MAILINGS, values)


def _apply(row: Row, event: Any, version: int) -> None:  # noqa: ANN401 - one of KINDS
    """Note what an event says. What one batch has of a mailing is in order."""
    if isinstance(event, (RunBegun, RunMissed)) and event.is_last:
        at = event.begun_at if isinstance(event, RunBegun) else event.missed_at
        row["last_at"] = max(filter(None, (row["last_at"], at)))
    if not isinstance(event, RunMissed):  # whose version is another stream's
        row |= _change(event) | {"version": version}


def _change(event: Any) -> Row:  # noqa: ANN401 - as above
    """Return what an event of a mailing's own changes."""
    match event:
        case MailingPaused() | MailingResumed():
            return {"is_paused": isinstance(event, MailingPaused)}
        case MailingStopped():
            return {"stopped_at": event.stopped_at}
        case MailingDeleted():
            return {"deleted_at": event.deleted_at}
        case RunBegun():
            return {"run_nominal": event.nominal, "run_ends_at": event.ends_at}
        case MailingCreated():
            return _content(event) | {"created_at": event.created_at}
        case _:
            return _content(event) | {"edited_at": event.changed_at}


def _content(event: MailingCreated | MailingChanged) -> Row:
    schedule = event.schedule
    return {
        "name": event.name,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "is_recurring": schedule is not None,
        "schedule": schedule and msgspec.json.encode(schedule).decode(),
    }
