"""The proof: the counters, beside the counts of all rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.stats.domain.figures import differences, may_be_ahead
from services.stats.queries.by_client import ByStatus
from services.stats.queries.figures import COUNTED, MailingUnknown, RunUnknown
from services.stats.queries.freshness import AS_OF, NEEDED, Freshness, freshness_of
from shared.contracts.dispatcher import State
from shared.database import Connection, sql
from shared.event import Instant
from shared.http import View

# One statement, so one snapshot. Chunks are taken one by one, for a thousand clients are compared
# in memory, and millions are not: those that a chunk names, those in its blocks, and the rows
# between its first client and its last, for a chunk has its clients in order. A row or a client of
# a block that no chunk names makes the sum too large; a client of a chunk with neither is planned.
# Each run's rows are found by their keys, so that it takes no longer where the planner has not
# heard yet how many there are. Of archived runs no row is read.
PROVE = sql(
    """
    WITH chosen AS MATERIALIZED (
        SELECT * FROM runs WHERE generation = (SELECT current FROM generations)
            AND (CAST(:run_id AS uuid) IS NULL OR run_id = :run_id)
            AND (CAST(:mailing_id AS uuid) IS NULL OR mailing_id = :mailing_id)
    ), fresh AS ({as_of})
    SELECT as_of, lag_s, run_id, coalesce(named, 0) AS named, coalesce(bare, 0) AS bare,
        coalesce(by_state, '{{}}') AS by_state, coalesce(rows.attempts, 0) AS attempts,
        coalesce(in_blocks, 0) - coalesce(with_both, 0) AS only_in_blocks,
        totals, totals_number, proved_number, archived_at,
        planned_count, expected_count, attempt_count, {counts}
    FROM fresh LEFT JOIN chosen ON true
    LEFT JOIN LATERAL (
        SELECT sum(cardinality(c.client_ids)) AS named, sum(of_chunk.bare) AS bare,
            sum(of_chunk.with_both) AS with_both
        FROM chunks c CROSS JOIN LATERAL (
            SELECT
                coalesce(sum(named) FILTER (WHERE in_blocks = 0 AND rows = 0), 0) AS bare,
                coalesce(sum(in_blocks) FILTER (WHERE rows > 0), 0) AS with_both
            FROM (
                SELECT client_id, sum(is_named) AS named, sum(is_in_block) AS in_blocks,
                    sum(is_row) AS rows
                FROM (
                    SELECT unnest(c.client_ids) AS client_id, 1 AS is_named, 0 AS is_in_block,
                        0 AS is_row
                    UNION ALL
                    SELECT unnest(b.client_ids), 0, 1, 0 FROM blocks b
                    WHERE b.generation = c.generation AND b.run_id = c.run_id
                        AND b.chunk = c.chunk
                    UNION ALL
                    SELECT m.client_id, 0, 0, 1 FROM messages m
                    WHERE m.generation = c.generation AND m.run_id = c.run_id
                        AND m.client_id >= c.client_ids[1]
                        AND m.client_id <= c.client_ids[cardinality(c.client_ids)]
                ) AS mentioned GROUP BY client_id
            ) AS clients
        ) AS of_chunk
        WHERE c.generation = chosen.generation AND c.run_id = chosen.run_id
    ) AS planned ON archived_at IS NULL
    LEFT JOIN LATERAL (
        SELECT sum(cardinality(client_ids)) AS in_blocks FROM blocks
        WHERE generation = chosen.generation AND run_id = chosen.run_id
    ) AS blocks_of_run ON archived_at IS NULL
    LEFT JOIN LATERAL (
        SELECT jsonb_object_agg(state, number) AS by_state, sum(of_state) AS attempts FROM (
            SELECT state, count(*) AS number, sum(attempts) AS of_state FROM messages
            WHERE generation = chosen.generation AND run_id = chosen.run_id GROUP BY state
        ) AS states
    ) AS rows ON archived_at IS NULL
    ORDER BY run_id
""",
    as_of=AS_OF.text,
    counts=", ".join(f"{s}_count" for s in COUNTED),
)


class RunProof(View):
    """A run's figures, from the counters and from the rows.

    An archived run has no rows: its figures are compared with those for good of its archiving.
    """

    run_id: UUID
    archived_at: Instant | None
    planned: int  # clients that the chunks name
    sum_of_statuses: int  # of the rows, and of planned clients without one
    counted_by_status: ByStatus
    rows_by_status: ByStatus
    attempts: int
    counted_attempts: int
    ledger_by_status: (
        ByStatus | None
    )  # None: the run has not finished, or before there were totals
    agrees_with_ledger: bool | None  # None: the newest totals were not compared yet
    reconciles: bool


class ReconcileView(Freshness):
    """Whether the figures of runs are what their messages add up to."""

    reconciles: bool
    runs: list[RunProof]


async def reconcile(
    db: Connection, *, run_id: UUID | None, mailing_id: UUID | None
) -> ReconcileView:
    """Return the figures of the chosen runs beside counts of all their messages, which take time.

    Raises:
        RunUnknown: A run is meant that is not known, or not of that mailing.
        MailingUnknown: No run is known of the mailing that is meant.
    """
    values = {"run_id": run_id, "mailing_id": mailing_id, "needed": NEEDED}
    rows = (await db.execute(PROVE, values)).all()
    fresh = freshness_of(rows[0])
    proofs = [_proof(row) for row in rows if row.run_id is not None]
    if not proofs and run_id is not None:
        raise RunUnknown
    if not proofs and mailing_id is not None:
        raise MailingUnknown
    return ReconcileView(reconciles=all(each.reconciles for each in proofs), runs=proofs, **fresh)


def _proof(row: Row[Any]) -> RunProof:
    return _proof_of_rows(row) if row.archived_at is None else _proof_of_archived(row)


def _proof_of_archived(row: Row[Any]) -> RunProof:
    counted = {state.value: getattr(row, f"{state}_count") for state in COUNTED}
    counted["planned"] = row.planned_count - sum(counted.values())
    for_good = ByStatus(**row.totals)
    total = sum(row.totals.values())
    agrees = ByStatus(**counted) == for_good and total == row.planned_count
    return RunProof(
        run_id=row.run_id,
        archived_at=row.archived_at,
        planned=row.planned_count,
        sum_of_statuses=total,
        counted_by_status=ByStatus(**counted),
        rows_by_status=for_good,
        attempts=row.attempt_count,
        counted_attempts=row.attempt_count,
        ledger_by_status=for_good,
        agrees_with_ledger=agrees,
        reconciles=agrees,
    )


def _proof_of_rows(row: Row[Any]) -> RunProof:
    by_row = {state.value: int(row.by_state.get(state, 0)) for state in State}
    by_row["planned"] += int(row.bare)
    by_row["delivered"] += int(row.only_in_blocks)
    attempts = int(row.attempts + row.only_in_blocks)
    counted = {state.value: getattr(row, f"{state}_count") for state in COUNTED}
    counted["planned"] = row.planned_count - sum(counted.values())
    total = sum(by_row.values())
    agrees = counted == by_row and attempts == row.attempt_count
    adds_up = row.named == total and row.expected_count in (None, total)
    agrees_with_ledger = _agrees_with_ledger(row, by_row)
    return RunProof(
        run_id=row.run_id,
        archived_at=None,
        planned=row.named,
        sum_of_statuses=total,
        counted_by_status=ByStatus(**counted),
        rows_by_status=ByStatus(**by_row),
        attempts=attempts,
        counted_attempts=row.attempt_count,
        ledger_by_status=None if row.totals is None else ByStatus(**row.totals),
        agrees_with_ledger=agrees_with_ledger,
        reconciles=agrees and adds_up and agrees_with_ledger is not False,
    )


def _agrees_with_ledger(row: Row[Any], by_row: dict[str, int]) -> bool | None:
    """Return whether the rows agree with the ledger; None while that cannot be compared yet."""
    if row.totals is None or row.proved_number != row.totals_number:
        return None
    more = differences(row.totals, {State(state): number for state, number in by_row.items()})
    return None if may_be_ahead(more) else not more
