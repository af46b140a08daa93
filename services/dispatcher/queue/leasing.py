"""The senders: who holds leases of chunks and retries, as long as they show that they live.

A sender's row is the fence: whoever reaps it deletes it, and whoever writes as a sender holds it
`FOR KEY SHARE` until the commit. So as long as a sender's row is there, so are all its leases.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert, text

from services.dispatcher.queue.controls import CONTROLS, Control, control_of
from services.dispatcher.tables import senders
from shared.database import Connection
from shared.errors import Error

RENEW = text("UPDATE senders SET beat = beat + 1 WHERE sender_id = :me RETURNING beat")
# Keeps the row from being deleted, not from being renewed.
HOLD = text("SELECT 1 FROM senders WHERE sender_id = :me FOR KEY SHARE")
# What is allowed of runs, and no row at all if the sender is gone.
LOOK = text(f"""
    SELECT c.* FROM senders s LEFT JOIN ({CONTROLS}) c ON true WHERE s.sender_id = :me
""")  # noqa: S608 - constants


class Overtaken(Error):
    """Our leases were taken from us: others send what we have not."""


async def register(db: Connection, sender_id: UUID) -> None:
    """Let there be a sender."""
    await db.execute(insert(senders).values(sender_id=sender_id, beat=0))


async def renew(db: Connection, me: UUID) -> None:
    """Show that the sender lives.

    Raises:
        Overtaken: It was found dead.
    """
    if await db.scalar(RENEW, {"me": me}) is None:
        raise Overtaken


async def hold(db: Connection, me: UUID) -> None:
    """Keep the sender, and so its leases, from being reaped until the commit.

    Raises:
        Overtaken: It was found dead.
    """
    if await db.scalar(HOLD, {"me": me}) is None:
        raise Overtaken


async def look(db: Connection, me: UUID, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs, to a sender that is still there.

    Raises:
        Overtaken: It was found dead.
    """
    rows = (await db.execute(LOOK, {"me": me, "run_ids": run_ids})).all()
    if not rows:
        raise Overtaken
    return [control_of(row) for row in rows if row.run_id is not None]


async def leave(db: Connection, sender_id: UUID) -> None:
    """End a sender that has nothing under way and nothing leased."""
    await db.execute(delete(senders).where(senders.c.sender_id == sender_id))
