"""The reasons of a run: its messages grouped by what became of them and why, each with an example.

Read from the ledger as it is, chunk by chunk, so that a page costs the same however large the run
is. One page is enough for most runs; groups of several are to be added up.
"""

from uuid import UUID

from pydantic import Field

from services.dispatcher.queries.archived import or_gone, rows_unless_gone
from services.dispatcher.queries.runs import run
from services.dispatcher.queue.blocks import is_in_block
from services.dispatcher.queue.controls import STOPPED_REASON
from services.dispatcher.queue.recording import UNRECORDED
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.http import View, cursor_of, position

# What a page looks at, at most: chunks, and messages that may have rows of their own; it ends with
# the chunk that reaches that. So it takes about a tenth of a second, be it half a million messages
# of which few failed, or some thousand that all did.
CHUNKS, MESSAGES = 1_000, 5_000
LAST = 2**31 - 1  # the numbers of chunks are below


class ReasonView(View):
    """Messages of a page that came to the same for the same reason."""

    status: State
    reason: str | None = Field(description="None: there is nothing to give a reason for yet.")
    status_code: int | None = Field(description="Of the last attempt; none: it has none.")
    count: int = Field(examples=[12])
    example_message_id: str = Field(
        description="One of them, to be looked at.",
        examples=["AYkKXayWd0u8zrMCCZqAVwGJCl2slndLvM6zAgmagFc"],
    )


IS_IN_BLOCK = is_in_block("array_position(c.client_ids, own.client_id)")
# Messages of page `c` that have rows of their own, each found by the clients of its chunk: what is
# an exception, and what was accepted without being one. What a block delivered counts there.
OF_ONE = fragment(
    """
    SELECT c.chunk, own.state AS status, coalesce(own.reason, last.reason) AS reason,
        last.status_code, own.client_id
    FROM page c CROSS JOIN LATERAL (
        SELECT e.run_id, e.client_id, e.state, e.reason FROM exceptions e
        WHERE e.run_id = c.run_id AND e.client_id BETWEEN c.first_id AND c.last_id
            AND e.chunk = c.chunk OFFSET 0
    ) AS own LEFT JOIN LATERAL (
        SELECT a.reason, a.status_code FROM attempts a
        WHERE a.run_id = own.run_id AND a.client_id = own.client_id AND a.kind <> 'start'
        ORDER BY a.attempt DESC, a.kind LIMIT 1
    ) AS last ON true
    WHERE own.state <> 'delivered' OR c.recorded IS NULL OR NOT {is_in_block}
    UNION ALL
    SELECT c.chunk, 'delivered', own.reason, own.status_code, own.client_id
    FROM page c CROSS JOIN LATERAL (
        SELECT DISTINCT ON (a.client_id) a.client_id, a.reason, a.status_code FROM attempts a
        WHERE a.run_id = c.run_id AND a.client_id BETWEEN c.first_id AND c.last_id
            AND (c.lane = 0 OR a.client_id = ANY(c.client_ids))
            AND a.outcome = 'accepted' AND NOT EXISTS (
                SELECT FROM exceptions e WHERE e.run_id = a.run_id AND e.client_id = a.client_id
            )
        ORDER BY a.client_id, a.attempt DESC
    ) AS own
    WHERE c.recorded IS NULL OR NOT {is_in_block}
    """,
    is_in_block=IS_IN_BLOCK,
)
GROUPS = fragment(
    """
    WITH near AS (
        SELECT run_id, chunk, lane, state, client_ids, recorded, cardinality(client_ids) AS size,
            client_ids[1] AS first_id, client_ids[cardinality(client_ids)] AS last_id,
            is_touched OR state IN ('leased', 'sent') AS has_own
        FROM chunks WHERE run_id = :run_id AND chunk >= :chunk ORDER BY chunk LIMIT :chunks
    ), counted AS (
        SELECT near.*, coalesce(sum(
            CASE WHEN has_own THEN size - coalesce(bit_count(recorded), 0) ELSE 0 END
        ) OVER (ORDER BY chunk ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
        FROM near
    ), page AS MATERIALIZED (
        SELECT * FROM counted WHERE before < :messages
    ), of_one AS MATERIALIZED ({of_one}), of_block AS MATERIALIZED (
        SELECT b.chunk, b.reason, b.status_code, bit_count(b.places) AS number
        FROM page c JOIN blocks b USING (run_id, chunk)
    ), rest AS (
        SELECT c.chunk, CASE WHEN state IN ('expired', 'cancelled') THEN state ELSE 'planned' END
            AS status, size - coalesce(known.number, 0) AS number
        FROM page c LEFT JOIN (
            SELECT chunk, sum(number) AS number FROM (
                SELECT chunk, 1 AS number FROM of_one
                UNION ALL SELECT chunk, number FROM of_block
            ) AS both_kinds GROUP BY chunk
        ) AS known USING (chunk)
        WHERE size > coalesce(known.number, 0)
    ), grouped AS (
        SELECT status, reason, status_code, sum(number) AS count,
            (array_agg(client_id ORDER BY client_id) FILTER (WHERE client_id IS NOT NULL))[1]
                AS client_id,
            min(in_block) AS in_block, min(in_rest) AS in_rest
        FROM (
            SELECT status, reason, status_code, 1 AS number, client_id,
                CAST(NULL AS integer) AS in_block, CAST(NULL AS integer) AS in_rest
            FROM of_one
            UNION ALL SELECT 'delivered', reason, status_code, number, NULL, chunk, NULL
            FROM of_block
            UNION ALL SELECT status, CASE WHEN status = 'cancelled' THEN (
                SELECT {stopped} FROM runs r WHERE run_id = :run_id
            ) END, NULL, number, NULL, NULL, chunk
            FROM rest
        ) AS parts GROUP BY status, reason, status_code
    )
    SELECT status, reason, status_code, count, coalesce(client_id, (
        SELECT c.client_ids[position(B'1' IN b.places)] FROM page c JOIN blocks b
            ON b.run_id = c.run_id AND b.chunk = c.chunk AND b.reason = grouped.reason
            AND b.status_code IS NOT DISTINCT FROM grouped.status_code
        WHERE c.chunk = in_block LIMIT 1
    ), (
        SELECT ids.client_id
        FROM page c CROSS JOIN LATERAL unnest(client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE c.chunk = in_rest AND {unrecorded} LIMIT 1
    )) AS client_id, (SELECT max(chunk) FROM page) AS last_chunk
    FROM grouped
    """,
    of_one=OF_ONE,
    stopped=STOPPED_REASON,
    unrecorded=UNRECORDED,
)
REASONS = sql(
    """
    SELECT page.*, (SELECT chunk_count FROM runs WHERE run_id = :run_id) AS chunk_count
    FROM ({page}) AS page
    ORDER BY status, count DESC, reason, status_code, archived_at NULLS FIRST
    """,
    page=or_gone(GROUPS, order="status"),
)


async def reasons(
    db: Connection, run_id: UUID, cursor: str | None
) -> tuple[list[ReasonView], str | None]:
    """Return the groups of a page, and the cursor of the next one; None: there is none.

    Raises:
        BadCursor: The cursor is of another list.
        RunUnknown: No run has this identifier.
        MessagesDeleted: The run is archived.
    """
    values = {"run_id": run_id, "chunk": position(cursor, _chunk, 0)}
    rows = await rows_unless_gone(db, REASONS, values | {"chunks": CHUNKS, "messages": MESSAGES})
    if not rows:
        await run(db, run_id)
        return [], None
    found = [
        ReasonView(
            status=row.status,
            reason=row.reason,
            status_code=row.status_code,
            count=row.count,
            example_message_id=ids.message_id(run_id, row.client_id),
        )
        for row in rows
    ]
    following = rows[0].last_chunk + 1
    return found, cursor_of(str(following)) if following < rows[0].chunk_count else None


def _chunk(cursor: str) -> int:
    chunk = int(cursor)
    if not 0 <= chunk <= LAST:
        raise ValueError(cursor)
    return chunk
