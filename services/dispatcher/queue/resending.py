"""Resending: which clients of an ended run are sent to again, and the run that does it."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.resend import Chosen, Resent
from services.dispatcher.queue.controls import STOPPED_REASON, UNFINISHED
from services.dispatcher.queue.recording import UNRECORDED
from shared import ids
from shared.contracts.dispatcher import RunResent
from shared.database import Connection, fragment, sql

# Clients of run :of behind :after whose messages have one of :statuses and :reasons, in order: of
# those with rows of their own, and of those that ended with their chunks, up to {limit} each. The
# latter are read chunk by chunk, in their order, until there are enough; of a run with several
# lanes all of them, each time.
PICKED = """
    SELECT client_id FROM (
        (
            SELECT e.client_id FROM exceptions e
            WHERE e.run_id = :of AND e.state = ANY(CAST(:statuses AS text[]))
                AND e.client_id > :after AND ({any_reason} OR coalesce(e.reason, '') = {among})
            ORDER BY e.client_id {limit}
        ) UNION ALL (
            SELECT ids.client_id FROM (
                SELECT c.*, CASE WHEN c.state = 'cancelled' THEN (
                    SELECT {stopped_reason} FROM runs r WHERE r.run_id = :of
                ) ELSE '' END AS reason
                FROM chunks c
                WHERE c.run_id = :of AND c.state IN ('expired', 'cancelled')
                    AND c.state = ANY(CAST(:statuses AS text[]))
                    AND (c.lane > 0 OR c.chunk >= coalesce((
                        SELECT chunk FROM chunks
                        WHERE run_id = :of AND lane = 0 AND client_ids[1] <= :after
                        ORDER BY client_ids[1] DESC LIMIT 1
                    ), 0))
            ) AS c
            CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
            WHERE ids.client_id > :after AND ({any_reason} OR c.reason = {among})
                AND (NOT c.is_touched OR {unrecorded})
            ORDER BY {order} {limit}
        )
    ) AS picked
"""
PIECES = {
    "any_reason": "cardinality(CAST(:reasons AS text[])) = 0",
    "among": "ANY(CAST(:reasons AS text[]))",
    "stopped_reason": STOPPED_REASON,
    "unrecorded": UNRECORDED,
}
NEXT_PICKED, NEXT_OF_LANES = (
    fragment(
        "{picked} ORDER BY client_id LIMIT :limit",
        picked=fragment(PICKED, limit="LIMIT :limit", order=order, **PIECES),
    )
    for order in ("c.chunk, ids.n", "ids.client_id")
)
COUNT_PICKED = sql(
    "SELECT count(*) FROM ({picked}) AS counted",
    picked=fragment(PICKED, limit="", order="c.chunk, ids.n", **PIECES),
)


def values_of(chosen: Chosen) -> dict[str, Any]:
    """Return the values by which NEXT_PICKED and COUNT_PICKED choose."""
    return {
        "of": chosen.run_id,
        "statuses": list(chosen.statuses),
        "reasons": list(chosen.reasons),
    }


async def count_chosen(db: Connection, chosen: Chosen) -> int:
    """Return how many messages are chosen. It reads all of them: for a person who asks."""
    values = values_of(chosen) | {"after": UUID(int=0)}
    return int(await db.scalar(COUNT_PICKED, values) or 0)


HOLD = sql(
    """
    SELECT r.state, r.mailing_id, r.archived_at, r.traceparent,
        coalesce(m.is_stopped, false) AS is_mailing_stopped,
        EXISTS (
            SELECT FROM runs WHERE runs.resent_from = :run_id AND runs.{unfinished}
        ) AS has_resend_under_way
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    WHERE r.run_id = :run_id FOR NO KEY UPDATE OF r
    """,
    unfinished=UNFINISHED,
)


async def hold(db: Connection, run_id: UUID) -> tuple[Resent, Any] | None:
    """Return a run of which some is to be sent again, and its row; None: there is no such run.

    Guarantee: nobody else sends some of it again until the commit, nor is it archived.
    """
    row = (await db.execute(HOLD, {"run_id": run_id})).first()
    if row is None or ids.is_test_send(run_id):
        return None
    return Resent(row.state, row.is_mailing_stopped, row.has_resend_under_way), row


INSERT = text("""
    INSERT INTO runs (
        run_id, mailing_id, body, subject, html, sender, gateway, traceparent, filter,
        starts_at, ends_at, is_last, state, expanded_to, chunk_count, planned_count, created_at,
        is_by_chunk, resent_from, resent_statuses, resent_reasons, max_attempts, on_unknown,
        priority, message_class, topic, local_time, quiet_hours
    )
    SELECT :run_id, mailing_id, body, subject, html, sender, gateway, traceparent,
        '{"operator_codes": [], "tags": []}', :starts_at, :ends_at, false, 'expanding',
        CAST(:first AS uuid), 0, 0, :created_at, true, run_id, CAST(:statuses AS text[]),
        CAST(:reasons AS text[]), max_attempts, on_unknown, priority,
        message_class, topic, local_time, quiet_hours
    FROM runs WHERE run_id = :resent_from
    ON CONFLICT DO NOTHING
""")


async def insert(db: Connection, event: RunResent) -> None:
    """Insert the run that sends some of another one again, with the content of that."""
    values = {
        "run_id": event.run_id,
        "resent_from": event.resent_from,
        "statuses": list(event.statuses),
        "reasons": list(event.reasons),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "created_at": event.resent_at,
        "first": UUID(int=0),
    }
    await db.execute(INSERT, values)


MADE = text("""
    SELECT resent_from, resent_statuses, resent_reasons, ends_at FROM runs WHERE run_id = :run_id
""")


async def made(db: Connection, run_id: UUID) -> Any:  # noqa: ANN401 - a row of MADE
    """Return what a run sends again, and until when; None if there is no such run."""
    return (await db.execute(MADE, {"run_id": run_id})).first()
