"""Projections of suppressions: their events in, their rows out."""

from collections.abc import Sequence

from sqlalchemy import delete, insert

from services.catalog.domain.suppression import ALL_TOPICS
from services.catalog.tables import bounces, suppressions
from shared.contracts.catalog import SuppressionChanged, SuppressionLifted
from shared.database import Connection
from shared.event import Recorded


async def suppression_changed(
    db: Connection, recorded: Sequence[Recorded[SuppressionChanged]]
) -> None:
    """Show what is suppressed now, and nothing of what was before."""
    newest = {each.event.subject: each.event for each in recorded}
    await _delete(db, list(newest))
    rows = [
        {
            "subject": event.subject,
            "topic": entry.topic or ALL_TOPICS,
            "kind": event.kind,
            "reason": entry.reason,
            "source": entry.source,
            "since": entry.since,
            "key_id": event.key_id,
        }
        for event in newest.values()
        for entry in event.entries
    ]
    await db.execute(insert(suppressions), rows)


async def suppression_lifted(
    db: Connection, recorded: Sequence[Recorded[SuppressionLifted]]
) -> None:
    """Show it no more; what bounces then is counted from the beginning."""
    subjects = [each.event.subject for each in recorded]
    await _delete(db, subjects)
    await db.execute(delete(bounces).where(bounces.c.subject.in_(subjects)))


async def _delete(db: Connection, subjects: Sequence[str]) -> None:
    await db.execute(delete(suppressions).where(suppressions.c.subject.in_(subjects)))
