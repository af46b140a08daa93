"""Erasing: the history of a stream goes, and its last event stays, with its version."""

from sqlalchemy import text

from shared.database import Connection

ERASE_EVENTS = text("""
    DELETE FROM events WHERE stream = :stream
        AND version < (SELECT max(version) FROM events WHERE stream = :stream)
""")
ERASE_SNAPSHOT = text("DELETE FROM snapshots WHERE stream = :stream")


async def erase_history(db: Connection, stream: str) -> None:
    """Delete all of a stream but its last event, from which its state must follow.

    Those who append meanwhile are refused: the caller has appended that event in this transaction.
    """
    await db.execute(ERASE_EVENTS, {"stream": stream})
    await db.execute(ERASE_SNAPSHOT, {"stream": stream})
