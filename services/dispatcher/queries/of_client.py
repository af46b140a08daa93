"""Messages of a client: one of each run at most, those of the newest runs first."""

from uuid import UUID

from services.dispatcher.queries.archived import or_gone, rows_unless_gone
from services.dispatcher.queries.derived import DERIVED, MessageView, view_of
from services.dispatcher.queue.resolving import CHUNK_OF, CLIENT_ID
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.event import Instant
from shared.http import cursor_of, newest_key

# What a page looks at, at most: some ten milliseconds. So it takes no longer the more runs there
# were, but it may be short, or empty, before the last.
RUNS, MESSAGES = 2_000, 200

# Behind :at and :before, or from the newest on; archived ones have no messages.
NEWEST = """
    SELECT run_id, created_at FROM runs
    WHERE (created_at, run_id) < (
        coalesce(CAST(:at AS timestamptz), 'infinity'),
        coalesce(CAST(:before AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ) AND state <> 'archived'
    ORDER BY created_at DESC, run_id DESC
"""
# A row without a message says where to go on if those found don't fill the page.
OF_CLIENT = sql(
    """
    WITH m AS MATERIALIZED (
        SELECT looked_at.*, {client_id} AS client_id, own.chunk, own.chunk_state, own.n
        FROM ({newest} LIMIT :runs) AS looked_at CROSS JOIN LATERAL ({chunk_of}) AS own
        ORDER BY looked_at.created_at DESC, looked_at.run_id DESC LIMIT :messages
    ), found AS (
        SELECT derived.* FROM ({derived}) AS derived
        WHERE CAST(:status AS text) IS NULL OR derived.status = CAST(:status AS text)
    ), bound AS (
        (SELECT created_at, run_id FROM m ORDER BY 1 DESC, 2 DESC OFFSET :messages - 1)
        UNION ALL
        (SELECT created_at, run_id FROM ({newest} OFFSET :runs - 1 LIMIT 1) AS last_looked_at)
        ORDER BY 1 DESC, 2 DESC LIMIT 1
    )
    SELECT found.*, bound.created_at AS bound_at, bound.run_id AS bound_id
    FROM found FULL JOIN bound ON false ORDER BY found.created_at DESC, found.run_id DESC
    """,
    client_id=CLIENT_ID,
    newest=NEWEST,
    chunk_of=fragment(CHUNK_OF, run_id="looked_at.run_id", client_id=CLIENT_ID),
    derived=DERIVED,
)


async def messages_of_client(
    db: Connection,
    client_id: UUID,
    status: State | None,
    *,
    before: tuple[Instant, UUID] | None,
    limit: int,
) -> tuple[list[MessageView], str | None]:
    """Return up to `limit` messages of a client, of runs that began before one, and a cursor."""
    at, run_id = before or (None, None)
    values = {"client_id": client_id, "status": status, "at": at, "before": run_id, "runs": RUNS}
    messages = limit + 1 if status is None else max(limit + 1, MESSAGES)
    both = (await db.execute(OF_CLIENT, values | {"messages": messages})).all()
    rows = [row for row in both if row.run_id is not None]
    shown = rows[:limit]
    ends = [(row.created_at, row.run_id) for row in shown[-1:] if len(rows) > limit]
    ends += [(row.bound_at, row.bound_id) for row in both if row.bound_id is not None]
    return [view_of(row) for row in shown], cursor_of(newest_key(*ends[0])) if ends else None


IN_RUN = fragment(
    """
    WITH m AS MATERIALIZED (
        SELECT r.run_id, {client_id} AS client_id, own.*
        FROM (SELECT CAST(:run_id AS uuid) AS run_id) AS r CROSS JOIN LATERAL ({chunk_of}) AS own
    )
    {derived}
    """,
    client_id=CLIENT_ID,
    chunk_of=fragment(CHUNK_OF, run_id="CAST(:run_id AS uuid)", client_id=CLIENT_ID),
    derived=DERIVED,
)
OF_CLIENT_IN_RUN = sql(or_gone(IN_RUN, order="run_id"))


async def message_in_run(db: Connection, client_id: UUID, run_id: UUID) -> MessageView | None:
    """Return a client's message in a run; None if there is none.

    Raises:
        MessagesDeleted: The run is archived.
    """
    values = {"client_id": client_id, "run_id": run_id}
    rows = await rows_unless_gone(db, OF_CLIENT_IN_RUN, values)
    return view_of(rows[0]) if rows else None
