"""Claiming: what is due is leased to a sender chunk by chunk, or given back; `retries` singly.

The caller holds the sender, whose row is the fence (`leasing`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.gateway import GatewayVersion
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import unrecorded
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.turns import ORDER, Room
from services.dispatcher.queue.controls import SENDABLE_RUNS, UNFINISHED
from services.dispatcher.queue.recording import UNRECORDED
from services.dispatcher.queue.suppressions import HAS_SUPPRESSIONS, suppressed_in_chunks
from shared import database
from shared.contracts.catalog import Priority
from shared.database import Connection, fragment, sql
from shared.event import Instant, finite

AT_ONCE = 50  # chunks in a claim
NOBODY = UUID(int=0)  # a run before all others

IS_DUE_CHUNK = "chunks.run_id = r.run_id AND chunks.state = 'planned' AND due_at <= :now"
# What may have arrived goes by the version of the gateway that it was sent with, the rest by the
# newest.
SUITS = "({of}.version_id = :version_id OR {of}.version_id IS NULL AND :is_current)"


class RunUnreadable(Exception):
    """A row of a run is not as claims need it; the cause says why."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(str(run_id))
        self.run_id = run_id


class Claimant(NamedTuple):
    """A sender that claims, and what it may have."""

    sender_id: UUID
    gateway: str
    version: GatewayVersion = GatewayVersion()
    looks_up_by_own_id: bool = False  # so retries come with the gateway's own ids

    def values(self) -> dict[str, Any]:
        """Return the parameters of claims."""
        return {
            "sender_id": self.sender_id,
            "gateway": self.gateway,
            "version_id": self.version.id,
            "is_current": self.version.is_current,
        }


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk that the sender has leased, with the newest contacts; None: a removed client."""

    key: ChunkKey
    epoch: int
    before: Progress  # of each message
    is_reaped: bool  # others had it, and may yet record results of it
    size: int  # of the whole chunk
    places: Sequence[int]  # of these messages in it, from 1
    client_ids: Sequence[UUID]
    contacts: Sequence[Contact | None]
    suppressed: Mapping[UUID, str]  # why some of them are not wanted, by client
    due_at: float = 0.0  # seconds of business time since the epoch


# The unfinished runs of one priority that may have a chunk, from the one after that had the last.
TURNS_OF = """
    (SELECT run_id, priority FROM runs WHERE {may} AND run_id > :last_{priority} ORDER BY run_id)
    UNION ALL
    (SELECT run_id, priority FROM runs WHERE {may} AND run_id <= :last_{priority} ORDER BY run_id)
"""
MAY_HAVE = """
    {unfinished} AND priority = '{priority}' AND (
        '{priority}' = ANY(CAST(:priorities AS text[]))
        OR state = 'sending' AND planned_count <= :small AND run_id <> ALL(CAST(:runs AS uuid[]))
    )
"""


def _turns_of(priority: Priority) -> str:
    may = fragment(MAY_HAVE, unfinished=UNFINISHED, priority=priority)
    return fragment(TURNS_OF, may=may, priority=priority)


# One chunk, of the first priority that may have one, and there of the run after the one that had
# the last: no run waits for the end of another. Run by run, each in its own LATERAL, until one has
# a chunk: so no other chunk is locked, and the cost does not grow with the runs that could send as
# well. The index has runs by priority: to look for others costs nothing.
CLAIM_CHUNK = sql(
    """
    WITH turn AS (
        SELECT c.run_id, c.chunk, unfinished.priority FROM ({turns}) AS unfinished
        CROSS JOIN LATERAL (
            SELECT FROM chunks WHERE run_id = unfinished.run_id AND state = 'planned' LIMIT 1
        ) AS planned
        CROSS JOIN LATERAL (
            SELECT c.run_id, c.chunk FROM ({sendable}) AS r
            CROSS JOIN LATERAL (
                SELECT run_id, chunk FROM chunks WHERE {is_due} AND {suits}
                ORDER BY due_at, chunk LIMIT 1 FOR UPDATE SKIP LOCKED
            ) AS c
            WHERE r.run_id = unfinished.run_id AND r.gateway = :gateway LIMIT 1
        ) AS c
        LIMIT 1
    )
    UPDATE chunks SET state = 'leased', sender_id = :sender_id, epoch = epoch + 1
    FROM turn WHERE chunks.run_id = turn.run_id AND chunks.chunk = turn.chunk
    RETURNING chunks.run_id, chunks.chunk, chunks.epoch, chunks.reaped, chunks.unknowns,
        cardinality(chunks.client_ids) AS size, chunks.due_at, turn.priority,
        {has_suppressions} AS has_suppressions
    """,
    turns=" UNION ALL ".join(_turns_of(priority) for priority in ORDER),
    sendable=SENDABLE_RUNS,
    is_due=IS_DUE_CHUNK,
    suits=fragment(SUITS, of="chunks"),
    has_suppressions=HAS_SUPPRESSIONS,
)
# The newest contacts of chunks, with tags only where a text may name them: arrays cost more to
# read than all the rest. Of a chunk that others touched, what has nothing on record yet.
CONTACTS = fragment(
    """
    WITH wanted AS MATERIALIZED (
        SELECT w.*, concat(body, subject, html) LIKE '%tags%' AS has_tags
        FROM unnest(CAST($1 AS uuid[]), CAST($2 AS int[])) WITH ORDINALITY AS w (run_id, chunk, n)
        JOIN runs USING (run_id)
    )
    SELECT wanted.n AS claimed, ids.n AS place, ids.client_id,
        coalesce(client.is_removed, true) AS is_removed, client.phone, client.operator_code,
        client.time_zone, client.email, client.full_name, client.comment,
        CASE WHEN has_tags THEN client.tags END AS tags
    FROM wanted JOIN chunks c USING (run_id, chunk)
    CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
    LEFT JOIN clients client ON client.client_id = ids.client_id
    WHERE NOT c.is_touched OR {unrecorded} ORDER BY wanted.n, ids.n
    """,
    unrecorded=UNRECORDED,
)
FIRST_FIELD, TAGS = 4, 10  # of a contact, in a row of CONTACTS


async def claim_chunks(
    db: Connection, claimant: Claimant, room: Room, last: Mapping[str, UUID], **at: Instant
) -> list[ClaimedChunk]:
    """Lease chunks until there is no room for more, which they take, or none is due.

    The first of a priority is of the run after its `last`, which had a chunk before. They are due
    `now`, and their windows last beyond `latest`. At most `AT_ONCE` of them, however small: others
    wait for what this transaction holds.

    Raises:
        RunUnreadable: One of them cannot be read.
    """
    return await read_chunks(db, await lease_chunks(db, claimant, room, last, **at))


async def lease_chunks(
    db: Connection, claimant: Claimant, room: Room, last: Mapping[str, UUID], **at: Instant
) -> list[Any]:
    """Do the first half of it: lease them. Return rows of CLAIM_CHUNK for `read_chunks`."""
    values = claimant.values() | at
    values |= {f"last_{priority}": last.get(priority, NOBODY) for priority in ORDER}
    leased: list[Any] = []
    while len(leased) < AT_ONCE and not room.is_enough:
        values |= {"priorities": room.priorities, "small": room.small, "runs": room.runs}
        row = (await db.execute(CLAIM_CHUNK, values)).first()
        if row is None:
            break
        leased.append(row)
        room.take(Priority(row.priority), row.run_id, row.size)
        values[f"last_{row.priority}"] = row.run_id
    return leased


async def read_chunks(db: Connection, leased: Sequence[Any]) -> list[ClaimedChunk]:
    """Do the second half: return what is to be sent of chunks that were leased just now."""
    if not leased:
        return []
    keys = [row.run_id for row in leased], [row.chunk for row in leased]
    contacts: list[list[Any]] = [[] for _ in leased]
    for each in await database.fetch(db, CONTACTS, *keys):
        contacts[each[0] - 1].append(each)
    unwanted = await _unwanted(db, leased)
    return [
        _chunk(row, own, unwanted.get(row.run_id, {}))
        for row, own in zip(leased, contacts, strict=True)
    ]


async def _unwanted(
    db: Connection,
    leased: Sequence[Any],  # rows of CLAIM_CHUNK
) -> Mapping[UUID, Mapping[UUID, str]]:
    if not any(row.has_suppressions for row in leased):
        return {}
    return await suppressed_in_chunks(db, [ChunkKey(row.run_id, row.chunk) for row in leased])


def _chunk(
    row: Any,  # noqa: ANN401 - of CLAIM_CHUNK
    contacts: Sequence[Any],
    suppressed: Mapping[UUID, str],
) -> ClaimedChunk:
    with naming(row.run_id):
        return ClaimedChunk(
            key=ChunkKey(row.run_id, row.chunk),
            epoch=row.epoch,
            before=unrecorded(reaped=row.reaped, unknowns=row.unknowns),
            is_reaped=row.reaped > 0,
            size=row.size,
            places=[each[1] for each in contacts],
            client_ids=[each[2] for each in contacts],
            contacts=[
                None if each[3] else Contact(*[*each[FIRST_FIELD:TAGS], each[TAGS] or ()])
                for each in contacts
            ],
            suppressed=suppressed,
            due_at=finite(row.due_at).timestamp(),
        )


@contextmanager
def naming(run_id: UUID) -> Iterator[None]:
    """Name the run whose row the block cannot read.

    Raises:
        RunUnreadable: It cannot.
    """
    try:
        yield
    except Exception as error:
        raise RunUnreadable(run_id) from error


# What was not sent goes back; what is left of a chunk is sorted out when it is claimed again.
RELEASE_CHUNK = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, is_touched = true
    WHERE run_id = :run_id AND chunk = :chunk AND sender_id = :sender_id AND epoch = :epoch
""")


async def release_chunk(db: Connection, sender_id: UUID, key: ChunkKey, epoch: int) -> None:
    """Give back what was not sent of a chunk."""
    values = {"sender_id": sender_id, "run_id": key.run_id, "chunk": key.chunk, "epoch": epoch}
    await db.execute(RELEASE_CHUNK, values)


RELEASE_ALL_RETRIES = text("""
    UPDATE exceptions SET sender_id = NULL WHERE sender_id = :sender_id
""")
RELEASE_ALL_CHUNKS = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, is_touched = true
    WHERE sender_id = :sender_id
""")


async def release_all(db: Connection, sender_id: UUID) -> None:
    """Give back all leases that bear the sender's name, also those whose claim it never saw.

    Nothing of them may have been started without being on record.
    """
    await db.execute(RELEASE_ALL_RETRIES, {"sender_id": sender_id})
    await db.execute(RELEASE_ALL_CHUNKS, {"sender_id": sender_id})
