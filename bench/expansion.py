"""The expansion: how fast a run is written down while nothing is sent."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import asyncpg

from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.waiting import wait_for

AHEAD = timedelta(seconds=3)  # of the start: time enough to pause the mailing
WITHIN_S = 300.0
EVERY_S = 0.005
PROGRESS = "SELECT state, planned_count FROM runs WHERE mailing_id = $1"


@dataclass(frozen=True)
class Expansion:
    """How fast messages were planned."""

    messages: int
    seconds: float  # from when the run may be expanded to when it is
    rate_per_s: float


async def expand(rig: Rig) -> Expansion:
    """Let a mailing to all clients become due while it is paused; then stop it.

    Raises:
        Failure: It did not get that far.
    """
    mailing = await create_mailing(rig, "expansion", datetime.now(UTC) + AHEAD)
    path = f"/v1/mailings/{mailing['mailing_id']}"
    await rig.api.post("catalog", f"{path}/pause")
    # The rows, not the API: an answer costs the process that is measured as much as 200 messages.
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        begun, ended, planned = await _times(db, UUID(mailing["mailing_id"]))
    finally:
        await db.close()
    await rig.api.post("catalog", f"{path}/stop")
    seconds = ended - begun
    return Expansion(planned, round(seconds, 3), round(planned / seconds, 1))


async def _times(db: asyncpg.Connection, mailing_id: UUID) -> tuple[float, float, int]:
    """Return when the expansion began and ended, and how many messages there are then."""
    times: dict[str, float] = {}
    planned = 0

    async def is_expanded() -> bool:
        nonlocal planned
        row = await db.fetchrow(PROGRESS, mailing_id)
        if row is None:
            return False
        times.setdefault(row["state"], perf_counter())
        planned = row["planned_count"]
        return bool(row["state"] == "sending")

    await wait_for(is_expanded, "the expansion of a paused mailing", WITHIN_S, EVERY_S)
    begun = times.get("expanding", times["sending"] - EVERY_S)
    return begun, times["sending"], planned
