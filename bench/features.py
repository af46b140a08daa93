"""The features: what local times, suppressions and a cap cost in the path of every message.

All runs go to the same clients of the same stack, by turns: each round has a run without features
and one with each, in another order than the round before, for the ledger grows. What a feature
costs is the median of the differences within rounds. Each run is written down while its mailing is
paused, and measured from the moment in which that is resumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg

from bench.expansion import AHEAD, EVERY_S, LOCAL, PROGRESS, WINDOW, spread_clients
from bench.pipeline import EVERY_S as LOOK_EVERY_S
from bench.pipeline import SLOWEST_PER_S, Watch, create_mailing
from bench.rig import Rig
from bench.waiting import wait_for
from deploy.local.stack import POSTGRES

ROUNDS = 5
WITHIN_S = 300.0
CAP = "marketing=1000/7d"  # counted is every message of that class, and none is too many
SUPPRESSED_SHARE = 100  # one client of so many
COUNTED_BY = ("dispatcher", POSTGRES)  # who does what a feature needs

# Critical messages are exempt from the cap, so these runs cost what they do without one.
CRITICAL = {"message_class": "critical"}
PLAIN = "plain"
FEATURES: Mapping[str, Mapping[str, Any]] = {
    PLAIN: CRITICAL,
    "recipient_local": CRITICAL | LOCAL,
    "capped": {"message_class": "marketing"},
}
SUPPRESSED = "suppressed"  # some clients are, whatever the mailing

# The rest of a day is not waited for: what would be due in it is due now, in as many chunks.
BE_DUE = """
    UPDATE chunks SET due_at = least(due_at, now()) FROM runs
    WHERE runs.run_id = chunks.run_id AND mailing_id = $1
"""
CHUNKS = "SELECT count(*) FROM chunks JOIN runs USING (run_id) WHERE mailing_id = $1"
SUPPRESS = """
    INSERT INTO suppressions (subject, version, reasons)
    SELECT client_id::text, 1, '{"": "requested"}' FROM clients
    WHERE abs(hashtext(phone)) % $1 = 0
"""
LIFT = "DELETE FROM suppressions"


@dataclass(frozen=True)
class Feature:
    """How fast a run with it was sent, and at what cost; medians of the rounds."""

    messages: int
    chunks: int
    rate_per_s: float
    of_plain: float  # its rate, as a share of that without it in the same round
    cpu_us_per_message: float  # of dispatcher and PostgreSQL
    more_cpu_us: float  # than without it in the same round
    rates_per_s: tuple[float, ...]
    cpus_us: tuple[float, ...]


@dataclass(frozen=True)
class _Sent:
    chunks: int
    rate_per_s: float
    cpu_us: float


async def measure_features(rig: Rig) -> dict[str, Feature]:
    """Send runs to all clients, without and with each feature.

    Raises:
        Failure: One came to no end.
    """
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        await spread_clients(db)
        sent: dict[str, list[_Sent]] = {}
        for number in range(ROUNDS):
            for name in _in_turn([*FEATURES, SUPPRESSED], number):
                sent.setdefault(name, []).append(await _send_with(rig, db, name))
    finally:
        await db.close()
    plain = sent[PLAIN]
    return {name: _feature(rig.messages, each, plain) for name, each in sent.items()}


def _in_turn(names: Sequence[str], number: int) -> Sequence[str]:
    """Return `names` in the order of a round, so that none is always behind the same other one."""
    at = number % len(names)
    turned = [*names[at:], *names[:at]]
    return turned[::-1] if number % 2 else turned


async def _send_with(rig: Rig, db: asyncpg.Connection, name: str) -> "_Sent":
    if name != SUPPRESSED:
        return await _send(rig, db, FEATURES[name])
    await db.execute(SUPPRESS, SUPPRESSED_SHARE)
    try:
        return await _send(rig, db, CRITICAL)
    finally:
        await db.execute(LIFT)


def _feature(messages: int, sent: list[_Sent], plain: list[_Sent]) -> Feature:
    pairs = list(zip(sent, plain, strict=True))
    return Feature(
        messages=messages,
        chunks=sent[0].chunks,
        rate_per_s=round(median(each.rate_per_s for each in sent), 1),
        of_plain=round(median(each.rate_per_s / other.rate_per_s for each, other in pairs), 3),
        cpu_us_per_message=round(median(each.cpu_us for each in sent), 1),
        more_cpu_us=round(median(each.cpu_us - other.cpu_us for each, other in pairs), 1),
        rates_per_s=tuple(round(each.rate_per_s, 1) for each in sent),
        cpus_us=tuple(round(each.cpu_us, 1) for each in sent),
    )


async def _send(rig: Rig, db: asyncpg.Connection, fields: Mapping[str, Any]) -> _Sent:
    """Let a mailing be written down while it is paused; then send it."""
    starts_at = datetime.now(UTC) + AHEAD
    mailing = await create_mailing(rig, "features", starts_at, window=WINDOW, **fields)
    mailing_id = mailing["mailing_id"]
    path = f"/v1/mailings/{mailing_id}"
    await rig.api.post("catalog", f"{path}/pause")

    async def is_expanded() -> bool:
        row = await db.fetchrow(PROGRESS, UUID(mailing_id))
        return row is not None and row["state"] == "sending"

    await wait_for(is_expanded, "the expansion of a paused mailing", WITHIN_S, EVERY_S)
    await db.execute(BE_DUE, UUID(mailing_id))
    chunks = await db.fetchval(CHUNKS, UUID(mailing_id))
    await rig.tidy_up()
    watch = Watch(rig, mailing_id, rig.meter())
    begun = perf_counter()
    await rig.api.post("catalog", f"{path}/resume")
    within_s = WITHIN_S + rig.messages / SLOWEST_PER_S
    await wait_for(watch.is_over, "the end of a mailing", within_s, LOOK_EVERY_S)
    seconds = perf_counter() - begun
    spent = watch.meter.cpu_us_per(rig.messages)
    return _Sent(chunks, rig.messages / seconds, sum(spent[name] for name in COUNTED_BY))
