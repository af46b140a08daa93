"""The proofs: which totals of the ledger were compared, and where the figures differ from them.

An archived run is proved by its event, whose figures it has: nothing of it is compared any more.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.stats.domain.series import STORED
from shared.contracts.dispatcher import MESSAGES, State
from shared.database import Connection, Pool, autocommit, sql

COUNTED = tuple(state for state in State if state is not State.PLANNED)

UNPROVED_RUNS = """
    generation = (SELECT current FROM generations)
        AND totals_number IS DISTINCT FROM proved_number
"""

LOCK = 7_206_947  # an arbitrary number that means "proving"; advisory, one at a time

TAKE_TURN = text("SELECT pg_try_advisory_lock(:lock)")
END_TURN = text("SELECT pg_advisory_unlock(:lock)")


@asynccontextmanager
async def turn(pool: Pool) -> AsyncIterator[bool]:
    """Yield whether this replica has the lock of proving, which it holds until the block ends."""
    async with autocommit(pool) as db:
        is_ours = bool(await db.scalar(TAKE_TURN, {"lock": LOCK}))
        try:
            yield is_ours
        finally:
            if is_ours:
                with suppress(DBAPIError, OSError):  # with the connection the lock is gone too
                    await db.execute(END_TURN, {"lock": LOCK})


class Work(NamedTuple):
    """The work that is left, and how far the consumer is in MESSAGES, by partition."""

    is_waiting: bool  # a run to be mended, or totals that were not compared yet
    positions: dict[str, int]


WORK = sql(
    """
    SELECT
        EXISTS (SELECT FROM offsets WHERE consumer LIKE :menders)
            OR EXISTS (SELECT FROM runs WHERE {unproved}) AS is_waiting,
        (
            SELECT coalesce(jsonb_object_agg(partition, position), '{{}}') FROM offsets
            WHERE consumer = :consumer AND topic = :topic
        ) AS positions
    """,
    unproved=UNPROVED_RUNS,
)


async def work(db: Connection, consumer: str, menders: str) -> Work:
    """Return the work that is left; `menders` is a LIKE pattern of consumers."""
    values = {"consumer": consumer, "topic": MESSAGES.name, "menders": menders}
    return Work(*(await db.execute(WORK, values)).one())


class Unproved(NamedTuple):
    """A run with totals that were not compared yet."""

    run_id: UUID
    number: int  # of the totals: 0 as it finished, then one for each correction
    planned: int  # messages, so what it costs to compare it


UNPROVED = sql(
    """
    SELECT run_id, totals_number, planned_count FROM runs WHERE {unproved}
    ORDER BY run_id LIMIT 100
    """,
    unproved=UNPROVED_RUNS,
)


async def unproved(db: Connection) -> list[Unproved]:
    """Return runs whose newest totals were not compared yet."""
    return [Unproved(*row) for row in await db.execute(UNPROVED)]


PROVED_FIRST = text("""
    SELECT run_id, totals_number, planned_count FROM runs
    WHERE generation = (SELECT current FROM generations) AND proved_number = totals_number
        AND archived_at IS NULL
    ORDER BY proved_at LIMIT 1
""")


async def proved_first(db: Connection) -> Unproved | None:
    """Return the run whose comparison is the oldest, to be compared again."""
    row = (await db.execute(PROVED_FIRST)).one_or_none()
    return None if row is None else Unproved(*row)


POSITIONS = text("""
    SELECT partition, position FROM offsets WHERE consumer = :consumer AND topic = :topic
""")


async def positions(db: Connection, consumer: str) -> dict[int, int]:
    """Return how far `consumer` is in MESSAGES, by partition."""
    rows = await db.execute(POSITIONS, {"consumer": consumer, "topic": MESSAGES.name})
    return {row.partition: row.position for row in rows}


class Figures(NamedTuple):
    """A run's totals in the ledger, and its figures: by counter, and counted from the rows."""

    number: int
    totals: dict[State, int]
    counters: dict[State, int]
    rows: dict[State, int]
    difference: dict[str, int] | None  # that was found last
    mended: list[dict[str, Any]]  # differences, with the number of the totals
    has_series: bool  # its series add up to the counters


# One statement, so one snapshot. Those that are not delivered are few, and have an index: to
# group all by state would cost four times as much.
FIGURES_OF = sql(
    """
    SELECT r.run_id, r.totals_number, r.totals, r.difference, r.mended, r.planned_count,
        {counts},
        ({counts}) = (
            SELECT {series} FROM series s
            WHERE s.generation = r.generation AND s.run_id = r.run_id AND s.step = :step
        ) AS has_series,
        (
            SELECT coalesce(sum(client_count), 0) FROM chunks c
            WHERE c.generation = r.generation AND c.run_id = r.run_id
        ) AS named,
        (
            SELECT count(*) - count(*) FILTER (WHERE m.is_in_block) FROM messages m
            WHERE m.generation = r.generation AND m.run_id = r.run_id
        ) + (
            SELECT coalesce(sum(cardinality(b.client_ids)), 0) FROM blocks b
            WHERE b.generation = r.generation AND b.run_id = r.run_id
        ) AS with_event,
        (
            SELECT coalesce(jsonb_object_agg(state, number), '{{}}') FROM (
                SELECT m.state, count(*) AS number FROM messages m
                WHERE m.generation = r.generation AND m.run_id = r.run_id
                    AND m.state <> 'delivered'
                GROUP BY m.state
            ) AS counted
        ) AS by_state
    FROM runs r
    WHERE r.generation = (SELECT current FROM generations)
        AND r.run_id = ANY(CAST(:run_ids AS uuid[])) AND r.totals IS NOT NULL
        AND r.archived_at IS NULL
""",
    counts=", ".join(f"r.{state}_count" for state in COUNTED),
    series=", ".join(f"coalesce(sum(s.{state}_count), 0)" for state in COUNTED),
)


async def figures_of(db: Connection, run_ids: Sequence[UUID]) -> dict[UUID, Figures]:
    """Return what there is to compare, of those runs that are known with totals (still)."""
    values = {"run_ids": list(run_ids), "step": STORED[-1]}
    rows = await db.execute(FIGURES_OF, values)
    return {row.run_id: _figures(row) for row in rows}


def _figures(row: Any) -> Figures:  # noqa: ANN401 - a row of FIGURES_OF
    rows = {State(state): int(number) for state, number in row.by_state.items()}
    with_event = int(row.with_event)
    rows[State.DELIVERED] = with_event - sum(rows.values())
    rows[State.PLANNED] = int(row.named) - with_event
    counters: dict[State, int] = {state: getattr(row, f"{state}_count") for state in COUNTED}
    counters[State.PLANNED] = row.planned_count - sum(counters.values())
    totals = {State(state): number for state, number in row.totals.items()}
    return Figures(
        row.totals_number,
        totals,
        counters,
        rows,
        row.difference,
        row.mended,
        has_series=row.has_series,
    )


class Proof(NamedTuple):
    """What came of comparing a run with the totals of this number."""

    run_id: UUID
    number: int
    difference: Mapping[State, int]  # without those in which it does not differ


# Locked in the order in which the consumer changes runs.
STORE_PROOFS = text("""
    WITH held AS (
        SELECT run_id FROM runs
        WHERE generation = (SELECT current FROM generations)
            AND run_id = ANY(CAST(:run_ids AS uuid[])) AND archived_at IS NULL
        ORDER BY run_id FOR NO KEY UPDATE
    )
    UPDATE runs SET proved_number = proof.number, proved_at = clock_timestamp(),
        difference = CAST(proof.difference AS jsonb)
    FROM held JOIN unnest(
        CAST(:run_ids AS uuid[]), CAST(:numbers AS int[]), CAST(:differences AS text[])
    ) AS proof (run_id, number, difference) USING (run_id)
    WHERE generation = (SELECT current FROM generations) AND runs.run_id = held.run_id
""")


async def store_proofs(db: Connection, proofs: Sequence[Proof]) -> None:
    """Store what came of comparisons."""
    run_ids, numbers, found = zip(*proofs, strict=True)
    differences = [json.dumps(each) if each else None for each in found]
    values = {"run_ids": run_ids, "numbers": numbers, "differences": differences}
    await db.execute(STORE_PROOFS, values)


DIFFERING = text("""
    SELECT count(*) FROM runs
    WHERE generation = (SELECT current FROM generations) AND difference IS NOT NULL
""")


async def differing(db: Connection) -> int:
    """Return how many runs differ from the ledger."""
    return int(await db.scalar(DIFFERING))
