"""The expansion: how fast a run is written down while nothing is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.waiting import wait_for
from shared.schedule import zone_names

AHEAD = timedelta(seconds=3)  # of the start: time enough to pause the mailing
WITHIN_S = 300.0
EVERY_S = 0.005
WINDOW = timedelta(days=3)
CHUNKS = """
    SELECT count(*), count(DISTINCT due_at) FROM chunks JOIN runs USING (run_id)
    WHERE mailing_id = $1
"""
PROGRESS = "SELECT state, planned_count FROM runs WHERE mailing_id = $1"


@dataclass(frozen=True)
class Expansion:
    """How fast messages were planned."""

    messages: int
    seconds: float  # from when the run may be expanded to when it is
    rate_per_s: float
    chunks: int = 0
    due_times: int = 0
    by_feature: "dict[str, Expansion]" = field(default_factory=dict)  # with each, and with all


# On the dispatcher's copies alone, of which expansion reads: clients of 60 zones, each of which
# prefers two times of thousands.
SPREAD = """
    UPDATE clients SET
        time_zone = (CAST($1 AS text[]))[
            1 + abs(hashtext(phone)) % cardinality(CAST($1 AS text[]))
        ],
        preferred_times = format(
            'daily %s:%s, sat %s:15', lpad((abs(hashtext(phone)) % 24)::text, 2, '0'),
            lpad((abs(hashtext(phone || 'm')) % 60)::text, 2, '0'),
            lpad((abs(hashtext(phone || 'h')) % 24)::text, 2, '0')
        )
"""
ZONES = 60
LOCAL = {"time_policy": {"kind": "recipient_local", "zone": "UTC", "at": "10:00"}}
QUIET = {"quiet_hours": {"begins": "21:00", "ends": "09:00"}}
PREFERRED = {
    "time_policy": {
        "kind": "preferred_times",
        "zone": "UTC",
        "at": "10:00",
        "otherwise": "recipient_local",
    }
}
FEATURES: Mapping[str, Mapping[str, object]] = {
    "recipient_local": LOCAL,
    "preferred_times": PREFERRED,
    "quiet_hours": QUIET,
    "all": PREFERRED | QUIET,
}


async def expand_with_features(rig: Rig) -> Expansion:
    """Let such a mailing become due without and with each feature of time.

    Raises:
        Failure: It did not get that far.
    """
    plain = await expand(rig)
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        await spread_clients(db)
    finally:
        await db.close()
    found = {name: await expand(rig, **fields) for name, fields in FEATURES.items()}
    return replace(plain, by_feature=found)


async def spread_clients(db: asyncpg.Connection) -> None:
    """Let the dispatcher's copies of clients be of many zones, and prefer many times."""
    zones = sorted(each for each in zone_names() if "/" in each)
    await db.execute(SPREAD, zones[:: len(zones) // ZONES][:ZONES])
    await db.execute("VACUUM ANALYZE clients")


async def expand(rig: Rig, **fields: Any) -> Expansion:  # noqa: ANN401 - of a mailing
    """Let a mailing to all clients become due while it is paused; then stop it.

    Raises:
        Failure: It did not get that far.
    """
    starts_at = datetime.now(UTC) + AHEAD
    mailing = await create_mailing(rig, "expansion", starts_at, window=WINDOW, **fields)
    path = f"/v1/mailings/{mailing['mailing_id']}"
    await rig.api.post("catalog", f"{path}/pause")
    # The rows, not the API: an answer costs the process that is measured as much as 200 messages.
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        begun, ended, planned = await _times(db, UUID(mailing["mailing_id"]))
        chunks, due_times = await db.fetchrow(CHUNKS, UUID(mailing["mailing_id"]))
    finally:
        await db.close()
    await rig.api.post("catalog", f"{path}/stop")
    seconds = ended - begun
    return Expansion(planned, round(seconds, 3), round(planned / seconds, 1), chunks, due_times)


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
