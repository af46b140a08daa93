"""Fairness: how soon small mailings are done that share a gateway with a large one."""

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import asyncpg

from bench.importing import import_clients
from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.small import Kind, Small, import_clients_of, send_small_mailings
from bench.waiting import wait_for

MANY = Kind(2_000, 10, 70_010_000_000)
FEW = Kind(10, 10, 70_020_000_000)  # beside a large one: the half at full rate, the others not
READY = 3_000  # messages that are leased ahead at most, of one run
LIMITED_PER_S = 200  # messages: so the ready queue is full for 15 s
UNDER_WAY = 10_000  # messages of the large mailing that are sent when the first small one comes
WITHIN_S = 60.0
EVERY_S = 0.02
LEASED = """
    SELECT coalesce(sum(open_count), 0) FROM chunks WHERE state = 'leased'
"""
FINISHED = "SELECT count(*) FROM runs WHERE mailing_id = $1 AND state = 'finished'"


@dataclass(frozen=True)
class Beside:
    """How soon small mailings were finished in the ledger, each from its creation on."""

    messages: int  # of a small mailing
    large: int  # messages of the large one
    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Return the median."""
        return median(self.seconds)


@dataclass(frozen=True)
class Fairness:
    """How soon small mailings are done, beside a large one and beside each other."""

    beside: Beside  # at full rate
    full: Beside  # at a gateway so slow that as much is leased ahead as can be
    many: Small  # due in the same second


async def measure_fairness(rig: Rig) -> Fairness:
    """Send many small mailings at once, then some beside a large one.

    Raises:
        Failure: One was not done in time.
    """
    await import_clients(rig)
    await import_clients_of(rig, FEW)
    many = await send_small_mailings(rig, MANY)
    await create_mailing(rig, "large", datetime.now(UTC))
    before, _ = await rig.accepted()

    async def is_under_way() -> bool:
        return (await rig.accepted())[0] >= before + UNDER_WAY

    await wait_for(is_under_way, "the large mailing", WITHIN_S, EVERY_S)
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        half = FEW.mailings // 2
        beside = [await _sent_after_s(rig, db, number) for number in range(half)]
        await rig.limit(LIMITED_PER_S)

        async def is_full() -> bool:
            return bool(await db.fetchval(LEASED) >= READY)

        full = []
        for number in range(half, FEW.mailings):
            await wait_for(is_full, "a full queue", WITHIN_S, EVERY_S)
            full.append(await _sent_after_s(rig, db, number))
    finally:
        await db.close()
    of = FEW.clients, rig.messages
    return Fairness(Beside(*of, tuple(beside)), Beside(*of, tuple(full)), many)


async def _sent_after_s(rig: Rig, db: asyncpg.Connection, number: int) -> float:
    """Create one of the few mailings, and return how soon its run was finished."""
    tag = FEW.tag(number)
    begun = perf_counter()
    mailing = await create_mailing(rig, tag, datetime.now(UTC), tag=tag)

    async def is_finished() -> bool:
        return bool(await db.fetchval(FINISHED, mailing["mailing_id"]))

    await wait_for(is_finished, "a small mailing", WITHIN_S, EVERY_S)
    return round(perf_counter() - begun, 3)
