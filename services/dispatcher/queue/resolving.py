"""Resolving: in which chunk of a run a client is, and how the run publishes its messages."""

from typing import NamedTuple

from services.dispatcher.domain.keys import MessageKey
from shared.database import Connection, fragment, sql
from shared.event import Instant

# The chunk of a run that a client is in, if there is one: those of each lane are in the order of
# clients. Most runs have one lane, the 0th; of others it is asked for one after the other.
CHUNK_OF = """
    SELECT near.chunk, near.chunk_state, array_position(near.client_ids, {client_id}) AS n
    FROM generate_series(0, (
        SELECT lane_count - 1 FROM runs WHERE runs.run_id = {run_id}
    )) AS lanes (lane) CROSS JOIN LATERAL (
        SELECT chunk, state AS chunk_state, client_ids FROM chunks
        WHERE run_id = {run_id} AND chunks.lane = lanes.lane AND client_ids[1] <= {client_id}
        ORDER BY client_ids[1] DESC LIMIT 1
    ) AS near WHERE {client_id} = ANY(near.client_ids) LIMIT 1
"""
CLIENT_ID = "CAST(:client_id AS uuid)"
MEMBER = sql(
    """
    SELECT r.traceparent, r.is_by_chunk, r.archived_at, own.chunk
    FROM runs r LEFT JOIN LATERAL ({chunk_of}) AS own ON true WHERE r.run_id = :run_id
    """,
    chunk_of=fragment(CHUNK_OF, run_id="r.run_id", client_id=CLIENT_ID),
)


class Member(NamedTuple):
    """A client's place in a run."""

    traceparent: str | None
    is_by_chunk: bool
    archived_at: Instant | None  # since when its messages are gone, if they are
    chunk: int | None  # none: the client is not in the run, or its messages are gone


async def member(db: Connection, key: MessageKey) -> Member | None:
    """Return a client's place in a run; None: there is no such run."""
    row = (await db.execute(MEMBER, key._asdict())).first()
    return None if row is None else Member(*row)
