"""Resending: which clients of an ended run are sent to again, and the run that does it."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.resend import Chosen, Resent
from services.dispatcher.queue.archiving import FAMILY, first_run
from services.dispatcher.queue.blocks import ATTEMPT_IN_BLOCK
from services.dispatcher.queue.controls import STOPPED_REASON, UNFINISHED
from services.dispatcher.queue.recording import UNRECORDED
from services.dispatcher.queue.resolving import CHUNK_OF
from shared import ids
from shared.contracts.dispatcher import RunResent
from shared.database import Connection, fragment, sql

# Whether a client got the message from one of :others, which are the run's family, or may have
# got it from one of the :later ones of these, which is not to be risked unless it is asked for.
GOT_IT = """
    EXISTS (
        SELECT FROM unnest(CAST(:others AS uuid[])) AS other (run_id)
        CROSS JOIN LATERAL ({chunk_of}) AS own
        CROSS JOIN LATERAL (SELECT other.run_id, own.chunk, own.n) AS m
        LEFT JOIN exceptions x ON x.run_id = m.run_id AND x.client_id = {client_id}
        WHERE CASE x.state
            WHEN 'delivered' THEN true
            WHEN 'undetermined' THEN m.run_id = ANY(CAST(:later AS uuid[]))
                AND x.state <> ALL(CAST(:statuses AS text[]))
            ELSE x.state IS NULL AND (
                EXISTS (
                    SELECT FROM attempts a WHERE a.run_id = m.run_id
                        AND a.client_id = {client_id} AND a.outcome = 'accepted'
                ) OR EXISTS (
                    SELECT FROM ({in_block}) AS plain WHERE plain.outcome = 'accepted'
                )
            )
        END
    )
"""


def got_it(client_id: str) -> str:
    """Return SQL for whether a client has it, or may have it, by another run of the family."""
    chunk_of = fragment(CHUNK_OF, run_id="other.run_id", client_id=client_id)
    return fragment(GOT_IT, client_id=client_id, chunk_of=chunk_of, in_block=ATTEMPT_IN_BLOCK)


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
                AND NOT {exception_got_it}
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
                AND (NOT c.is_touched OR {unrecorded}) AND NOT {member_got_it}
            ORDER BY {order} {limit}
        )
    ) AS picked
"""
PIECES = {
    "any_reason": "cardinality(CAST(:reasons AS text[])) = 0",
    "among": "ANY(CAST(:reasons AS text[]))",
    "stopped_reason": STOPPED_REASON,
    "unrecorded": UNRECORDED,
    "exception_got_it": got_it("e.client_id"),
    "member_got_it": got_it("ids.client_id"),
}
NEXT_PICKED, NEXT_OF_LANES = (
    fragment(
        "{picked} ORDER BY client_id LIMIT :limit",
        picked=fragment(PICKED, limit="LIMIT :limit", order=order, **PIECES),
    )
    for order in ("c.chunk, ids.n", "ids.client_id")
)
# Of those that are chosen, also how many lack what the run's gateway needs of them.
COUNT_PICKED = sql(
    """
    SELECT count(*) AS clients, count(*) FILTER (WHERE CASE (
        SELECT g.contact FROM runs r JOIN gateways g ON g.name = r.gateway WHERE r.run_id = :of
    ) WHEN 'phone' THEN phone IS NULL WHEN 'email' THEN email IS NULL END) AS unreachable
    FROM ({picked}) AS counted LEFT JOIN clients USING (client_id)
    """,
    picked=fragment(PICKED, limit="", order="c.chunk, ids.n", **PIECES),
)


@dataclass(frozen=True, slots=True)
class Family:
    """The other runs of a run and its resends that have ended."""

    others: list[UUID]
    later: list[UUID]  # those of `others` that began after the run


class Counted(NamedTuple):
    """How many clients are chosen."""

    clients: int
    unreachable: int  # of these, through the run's gateway, as they are now


def values_of(chosen: Chosen, family: Family) -> dict[str, Any]:
    """Return the values by which NEXT_PICKED and COUNT_PICKED choose."""
    return {
        "of": chosen.run_id,
        "statuses": list(chosen.statuses),
        "reasons": list(chosen.reasons),
        "others": family.others,
        "later": family.later,
    }


async def count_chosen(db: Connection, chosen: Chosen, but: UUID | None = None) -> Counted:
    """Return how many clients are chosen. It reads all of them: for a person who asks.

    Nothing of the run `but` counts.
    """
    found = await family_of(db, chosen.run_id)
    others, later = (
        [each for each in runs if each != but] for runs in (found.others, found.later)
    )
    values = values_of(chosen, Family(others, later)) | {"after": UUID(int=0)}
    return Counted(*(await db.execute(COUNT_PICKED, values)).one())


FAMILY_OF = sql(
    """
    {family}
    SELECT run_id, runs.created_at > own.created_at AS is_later
    FROM family JOIN runs USING (run_id)
    CROSS JOIN (SELECT created_at FROM runs WHERE run_id = :run_id) AS own
    WHERE run_id <> :run_id AND state = 'finished'
    """,
    family=fragment(FAMILY, of="SELECT run_id, resent_from FROM runs WHERE run_id = :run_id"),
)


async def family_of(db: Connection, run_id: UUID) -> Family:
    """Return the ended runs of which one sends some of another again, and `run_id` is one."""
    rows = (await db.execute(FAMILY_OF, {"run_id": run_id})).all()
    return Family([row.run_id for row in rows], [row.run_id for row in rows if row.is_later])


LOCK_FAMILY = text("SELECT FROM runs WHERE run_id = :first FOR NO KEY UPDATE")
HOLD = sql(
    """
    {family}
    SELECT r.state, r.mailing_id, r.archived_at, r.traceparent,
        coalesce(m.is_stopped, false) AS is_mailing_stopped,
        EXISTS (
            SELECT FROM family JOIN runs USING (run_id)
            WHERE run_id <> :run_id AND runs.{unfinished}
        ) AS has_resend_under_way
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    WHERE r.run_id = :run_id FOR NO KEY UPDATE OF r
    """,
    family=fragment(FAMILY, of="SELECT run_id, resent_from FROM runs WHERE run_id = :run_id"),
    unfinished=UNFINISHED,
)


async def hold(db: Connection, run_id: UUID) -> tuple[Resent, Any] | None:
    """Return a run of which some is to be sent again, and its row; None: there is no such run.

    Guarantee: until the commit nobody else sends some of it, or of its family, again, nor is it
    archived.
    """
    await db.execute(LOCK_FAMILY, {"first": await first_run(db, run_id)})
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
