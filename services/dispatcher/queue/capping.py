"""Capping: how many messages count for a client, and of which there would be too many.

A row for each client has the days of its messages, by class. A chunk that was counted says so, and
which of its messages were not; of the others the database notes which have ended and were
certainly not sent, and strikes that out should they have arrived after all
(`0035_counts_by_client`): in the transaction that moves the message, whoever does. Nothing is
written for classes without a cap.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from services.dispatcher.domain.cap import ALL, CAPPED, Caps
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import unrecorded
from services.dispatcher.domain.progress import Progress
from services.dispatcher.queue.recording import UNRECORDED
from shared.database import Connection, fragment, sql
from shared.event import Instant

LOCK = 7_206_949  # an arbitrary number that means "capping"; advisory, until the commit
TAKE_TURN = text("SELECT pg_advisory_xact_lock(:lock)")


async def take_turn(db: Connection) -> None:
    """Wait for those who count now: no two count for a client at once, whatever their runs."""
    await db.execute(TAKE_TURN, {"lock": LOCK})


# A cap is reached by messages of its class, or of all. Most clients have had less than any cap
# allows, which is seen at once.
SIZE = " + ".join(f"coalesce(cardinality(k.{each}), 0)" for each in CAPPED)
DAYS = " UNION ALL ".join(f"SELECT '{each}', unnest(k.{each})" for each in CAPPED)
IS_OVER = fragment(
    """
    CASE WHEN {size} >= :least THEN EXISTS (
        SELECT FROM unnest(
            CAST(:classes AS text[]), CAST(:limits AS int[]), CAST(:since AS date[])
        ) AS cap (class, most, since)
        WHERE cap.most <= (
            SELECT count(*) FROM ({days}) AS counted (class, day)
            WHERE counted.day >= cap.since AND cap.class IN (:all, counted.class)
        ) - (
            SELECT count(*) FROM uncounted_messages u
            WHERE u.client_id = wanted.client_id AND u.day >= cap.since
                AND cap.class IN (:all, u.message_class)
        )
    ) ELSE false END
    """,
    size=SIZE,
    days=DAYS,
)
# Of a run no client is twice, so one statement judges all of it. A chunk that was counted before
# stays so; what may have been sent before there was a cap is sent again, if at all, without one.
# Days that no cap asks for go when others are added.
COUNT = """
    WITH wanted AS MATERIALIZED (
        SELECT c.chunk, c.reaped, ids.client_id, ids.n FROM chunks c
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE c.run_id = :run_id AND c.chunk = ANY(CAST(:chunks AS int[]))
            AND c.counted_on IS NULL AND c.unknowns = 0 AND (NOT c.is_touched OR {unrecorded})
    ), judged AS MATERIALIZED (
        SELECT wanted.*, k.client_id IS NOT NULL AS is_known, {is_over} AS is_over
        FROM wanted LEFT JOIN client_counts k USING (client_id)
    ), updated AS (
        UPDATE client_counts k SET {own} = array_append(CASE
            WHEN k.{own}[1] >= :oldest THEN k.{own}
            ELSE ARRAY(SELECT day FROM unnest(k.{own}) AS kept (day) WHERE day >= :oldest)
        END, CAST(:day AS date))
        FROM judged WHERE k.client_id = judged.client_id AND NOT judged.is_over
    ), inserted AS (
        INSERT INTO client_counts (client_id, {own})
        SELECT client_id, ARRAY[CAST(:day AS date)] FROM judged WHERE NOT (is_known OR is_over)
    ), chunk AS (
        SELECT chunk, count(*) FILTER (WHERE NOT is_over) AS size FROM judged GROUP BY chunk
    ), marked AS (
        UPDATE chunks c SET counted_on = :day, not_counted = CASE
            WHEN chunk.size < cardinality(c.client_ids) THEN (
                SELECT CAST(string_agg(CASE WHEN counted.n IS NULL THEN '1' ELSE '0' END, ''
                    ORDER BY place) AS bit varying)
                FROM generate_series(1, cardinality(c.client_ids)) AS place
                LEFT JOIN (
                    SELECT n FROM judged WHERE judged.chunk = c.chunk AND NOT is_over
                ) AS counted ON counted.n = place
            ) END
        FROM chunk WHERE c.run_id = :run_id AND c.chunk = ANY(CAST(:chunks AS int[]))
            AND c.chunk = chunk.chunk
    )
    SELECT chunk, reaped, client_id FROM judged WHERE is_over ORDER BY chunk, client_id
"""
COUNT_OF: Mapping[str, TextClause] = {
    each: sql(COUNT, unrecorded=UNRECORDED, is_over=IS_OVER, own=each) for each in CAPPED
}


class CappedMessage(NamedTuple):
    """A message of which there would be too many."""

    chunk: ChunkKey
    client_id: UUID
    before: Progress


async def count_messages(
    db: Connection,
    run_id: UUID,
    chunks: Sequence[int],
    message_class: str,
    caps: Caps,
    now: Instant,
) -> list[CappedMessage]:
    """Count what is to be sent of these chunks of a run; return what is over one of the caps.

    The caller has taken its turn, and there is a cap for the class.
    """
    of_class = caps.for_class(message_class)
    today = now.date()
    values = {
        "run_id": run_id,
        "chunks": list(chunks),
        "day": today,
        "oldest": caps.since(today),
        "all": ALL,
        "classes": [each.of for each in of_class],
        "limits": [each.limit for each in of_class],
        "since": [each.since(today) for each in of_class],
        "least": min(each.limit for each in of_class),
    }
    return [
        CappedMessage(ChunkKey(run_id, row.chunk), row.client_id, unrecorded(reaped=row.reaped))
        for row in await db.execute(COUNT_OF[message_class], values)
    ]


TOUCH = text("""
    UPDATE chunks SET is_touched = true, open_count = open_count - t.n
    FROM unnest(CAST(:chunks AS int[]), CAST(:counts AS int[])) AS t (chunk, n)
    WHERE chunks.run_id = :run_id AND chunks.chunk = t.chunk
""")


async def touch_chunks(db: Connection, run_id: UUID, finals: dict[int, int]) -> None:
    """Note how many messages of chunks that the caller has leased are final without an answer."""
    values = {"run_id": run_id, "chunks": list(finals), "counts": list(finals.values())}
    await db.execute(TOUCH, values)


# `counted_messages` is where dispatchers of an older release count.
PRUNE = """
    DELETE FROM {table} WHERE (client_id, run_id) IN (
        SELECT client_id, run_id FROM {table} WHERE day < :before ORDER BY day LIMIT :limit
    )
"""
PRUNE_MESSAGES = [sql(PRUNE, table=each) for each in ("uncounted_messages", "counted_messages")]


async def prune_messages(db: Connection, before: date, *, limit: int) -> bool:
    """Delete rows of messages that were counted before a day; return whether others may be left.

    Up to `limit` of each table.
    """
    values = {"before": before, "limit": limit}
    done = [await db.execute(each, values) for each in PRUNE_MESSAGES]
    return any(each.rowcount == limit for each in done)


IS_OLD = " AND ".join(f":before > ALL (coalesce(k.{each}, '{{}}'))" for each in CAPPED)
PRUNE_CLIENTS = sql(
    """
    WITH slice AS MATERIALIZED (
        SELECT client_id FROM client_counts WHERE client_id > :after
        ORDER BY client_id LIMIT :limit
    ), deleted AS (
        DELETE FROM client_counts k USING slice WHERE k.client_id = slice.client_id AND {is_old}
    )
    SELECT client_id FROM slice ORDER BY client_id OFFSET :limit - 1
    """,
    is_old=IS_OLD,
)


async def prune_clients(db: Connection, before: date, after: UUID, *, limit: int) -> UUID | None:
    """Delete those of the next `limit` clients for whom nothing counts since a day.

    Return the last one that was looked at; None: there is no other. The caller has taken its turn.
    """
    values = {"before": before, "after": after, "limit": limit}
    last: UUID | None = await db.scalar(PRUNE_CLIENTS, values)
    return last
