"""Leasing: senders, which hold leases of chunks and retries as long as they renew their own row.

A sender's row is the fence: a reaper deletes it, and what is written for a sender holds it
`FOR KEY SHARE` until the commit. So as long as a sender's row is there, so are all its leases.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert

from services.dispatcher.queue.controls import CONTROLS, Control, control_of
from services.dispatcher.tables import senders
from shared.database import INSTANT, Connection, sql
from shared.event import Instant


class LeaseLost(Exception):
    """This sender was declared dead; its leases belong to others now."""

    def __init__(self, sender_id: UUID) -> None:
        super().__init__(sender_id)
        self.sender_id = sender_id


async def register(
    db: Connection,
    sender_id: UUID,
    gateway: str,
    version_id: int | None = None,
    *,
    marks_starts: bool,
    lease_s: float | None = None,
) -> None:
    """Insert the row of a sender through `gateway`, whose lease lasts so many seconds.

    None: as long as usual.

    Raises:
        IntegrityError: There is no such version any more, and nothing left to send by it.
    """
    row = {
        "sender_id": sender_id,
        "beat": 0,
        "marks_starts": marks_starts,
        "gateway": gateway,
        "version_id": version_id,
        "lease_s": lease_s,
    }
    await db.execute(insert(senders).values(row))


# Whether a sender is dead, its beat says. Until when it is alive if it is not renewed is for
# those who ask why nothing is sent.
RENEW = sql(
    """
    UPDATE senders SET beat = beat + 1,
        expires_at = {instant} + interval '1 second' * CAST(:lease_s AS float)
    WHERE sender_id = :sender_id RETURNING beat
    """,
    instant=INSTANT,
)


async def renew(db: Connection, sender_id: UUID, lease_s: float) -> None:
    """Renew the sender's lease, for so many seconds.

    Raises:
        LeaseLost: It was declared dead.
    """
    if await db.scalar(RENEW, {"sender_id": sender_id, "lease_s": lease_s}) is None:
        raise LeaseLost(sender_id)


# Keeps the row from being deleted, not from being renewed.
HOLD = sql(
    "SELECT {instant} AS now FROM senders WHERE sender_id = :sender_id FOR KEY SHARE",
    instant=INSTANT,
)


async def hold(db: Connection, sender_id: UUID) -> Instant:
    """Keep the sender, and so its leases, from being reaped until the commit; return the instant.

    Raises:
        LeaseLost: It was declared dead.
    """
    now: Instant | None = await db.scalar(HOLD, {"sender_id": sender_id})
    if now is None:
        raise LeaseLost(sender_id)
    return now


# The controls of runs, and no row at all if the sender is gone.
READ_CONTROLS = sql(
    "SELECT c.* FROM senders s LEFT JOIN ({controls}) c ON true WHERE s.sender_id = :sender_id",
    controls=CONTROLS,
)


async def read_controls(db: Connection, sender_id: UUID, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs, to a sender that is still there.

    Raises:
        LeaseLost: It was declared dead.
    """
    values = {"sender_id": sender_id, "run_ids": run_ids}
    rows = (await db.execute(READ_CONTROLS, values)).all()
    if not rows:
        raise LeaseLost(sender_id)
    return [control_of(row) for row in rows if row.run_id is not None]


async def leave(db: Connection, sender_id: UUID) -> None:
    """Delete the row of a sender that has nothing under way and nothing leased."""
    await db.execute(delete(senders).where(senders.c.sender_id == sender_id))
