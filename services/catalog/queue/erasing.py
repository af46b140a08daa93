"""Erasing: what of a person stands in other rows than the client's own."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.catalog.domain.erasing import Traces
from shared.database import Connection, sql
from shared.event import Instant

# Digits alone, for files have phones in all ways; a row is one person's, seldom two.
NAMES_PERSON = """
    raw IS NOT NULL AND (
        EXISTS (
            SELECT FROM unnest(CAST(:digits AS text[])) AS own (phone)
            WHERE strpos(regexp_replace(raw, '[^0-9]', '', 'g'), own.phone) > 0
        ) OR EXISTS (
            SELECT FROM unnest(CAST(:words AS text[])) AS own (word)
            WHERE strpos(lower(raw), own.word) > 0
        )
    )
"""
ERASE_ROWS = sql(
    "UPDATE import_rejections SET raw = NULL WHERE {names_person}", names_person=NAMES_PERSON
)
ERASE_DRAFTS = text("""
    DELETE FROM import_drafts WHERE phone = ANY(CAST(:phones AS text[]))
        OR lower(email) = ANY(CAST(:emails AS text[]))
        OR external_id = ANY(CAST(:external_ids AS text[]))
""")


async def erase_from_imports(db: Connection, traces: Traces) -> None:
    """Empty rejected rows of files that name the person; their reasons and numbers stay."""
    await db.execute(ERASE_ROWS, _in_texts(traces))
    await db.execute(
        ERASE_DRAFTS,
        {
            "phones": sorted(traces.phones),
            "emails": sorted(traces.emails),
            "external_ids": sorted(traces.external_ids),
        },
    )


def _in_texts(traces: Traces) -> dict[str, list[str]]:
    """Return by what a row of a file is known, however its phone is written."""
    return {
        "digits": sorted(phone[1:] for phone in traces.phones),
        "words": sorted(traces.emails | {each.lower() for each in traces.names}),
    }


ROWS = sql(
    """
    SELECT import_id, row, line, last_line, "column", code, reason, raw FROM import_rejections
    WHERE {names_person} ORDER BY import_id, row
    """,
    names_person=NAMES_PERSON,
)


async def rows_of_person(db: Connection, traces: Traces) -> Sequence[Row[Any]]:
    """Return rejected rows of files that name the person."""
    return (await db.execute(ROWS, _in_texts(traces))).all()


ERASE_BOUNCES = text("DELETE FROM bounces WHERE subject = ANY(CAST(:subjects AS text[]))")


async def erase_bounces(db: Connection, subjects: Collection[str]) -> None:
    """Delete which messages these contacts have refused; what is suppressed stays."""
    await db.execute(ERASE_BOUNCES, {"subjects": list(subjects)})


SUPPRESSED = text("""
    SELECT DISTINCT subject FROM suppressions WHERE subject = ANY(CAST(:subjects AS text[]))
    ORDER BY subject
""")
NOTE = text("""
    INSERT INTO erasures (client_id, erased_at, subjects, republish_at)
    VALUES (:client_id, :now, CAST(:subjects AS text[]), CAST(:now AS timestamptz) + :lag)
""")


async def note_erasure(
    db: Connection,
    client_id: UUID,
    subjects: Collection[str],
    *,
    now: Instant,
    lag: timedelta,
) -> None:
    """Note an erasure, and which of `subjects` are suppressed: these are kept."""
    values = {"subjects": list(subjects)}
    kept = list((await db.scalars(SUPPRESSED, values)).all())
    await db.execute(NOTE, {"client_id": client_id, "now": now, "subjects": kept, "lag": lag})


ERASURE = text("SELECT erased_at, subjects FROM erasures WHERE client_id = :client_id")


async def erasure(db: Connection, client_id: UUID) -> tuple[Instant, Sequence[str]] | None:
    """Return when a client was erased, and under which names it was suppressed then."""
    row = (await db.execute(ERASURE, {"client_id": client_id})).first()
    return None if row is None else (row.erased_at, row.subjects)


DUE = text("""
    SELECT client_id FROM erasures WHERE republish_at <= :now
    ORDER BY republish_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
DONE = text("""
    UPDATE erasures SET republish_at = NULL WHERE client_id = ANY(CAST(:client_ids AS uuid[]))
""")


async def take_due(db: Connection, now: Instant, limit: int) -> list[UUID]:
    """Return erased clients whose tombstones are to go out again, which is done by the commit."""
    found = list((await db.scalars(DUE, {"now": now, "limit": limit})).all())
    if found:
        await db.execute(DONE, {"client_ids": found})
    return found
