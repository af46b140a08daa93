"""Retries: messages whose time to be tried again has come are leased one by one, or given back.

The caller holds the sender, as for chunks (`claiming`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.queue.claiming import NOBODY, SUITS, Claimant, naming
from services.dispatcher.queue.controls import SENDABLE_RUNS, UNFINISHED
from services.dispatcher.queue.exceptions import contact_of, progress_of
from services.dispatcher.queue.suppressions import HAS_SUPPRESSIONS, suppressed_messages
from shared.database import Connection, fragment, sql
from shared.event import Instant

IS_DUE_RETRY = """
    e.run_id = r.run_id AND e.state = 'retry' AND e.sender_id IS NULL AND e.due_at <= :now
"""


@dataclass(frozen=True, slots=True)
class ClaimedRetry:
    """A message that the sender has leased to try it again."""

    key: MessageKey
    chunk: int
    before: Progress
    contact: Contact | None  # the one that was used, if it must be used again; else the newest
    suppressed: str | None = None  # why it is not wanted any more
    gateway_message_id: str | None = None  # if it was asked for


# Of the run after the one that had the last, and so on: the retries of a small run don't wait for
# all of a large one whose gateway failed. Priorities count where all of them wait for their start.
# OFFSET 0: run by run, in this order. Else the planner may begin with those that can be sent, in
# whatever order it finds them.
CLAIM_RETRIES = sql(
    """
    WITH due AS (
        SELECT retry.run_id, retry.client_id FROM (
            (SELECT run_id FROM runs WHERE {unfinished} AND run_id > :last ORDER BY run_id)
            UNION ALL
            (SELECT run_id FROM runs WHERE {unfinished} AND run_id <= :last ORDER BY run_id)
        ) AS unfinished
        CROSS JOIN LATERAL (
            SELECT e.run_id, e.client_id FROM ({sendable}) AS r
            CROSS JOIN LATERAL (
                SELECT e.run_id, e.client_id FROM exceptions e WHERE {is_due} AND {suits}
                ORDER BY e.due_at LIMIT :limit FOR UPDATE SKIP LOCKED
            ) AS e
            WHERE r.run_id = unfinished.run_id AND r.gateway = :gateway OFFSET 0
        ) AS retry
        WHERE :now >= (
            SELECT min(due_at) FROM exceptions WHERE state = 'retry' AND sender_id IS NULL
        )
        LIMIT :limit
    ), claimed AS (
        UPDATE exceptions e SET sender_id = :sender_id FROM due
        WHERE e.run_id = due.run_id AND e.client_id = due.client_id
        RETURNING e.*
    )
    SELECT claimed.*, coalesce(c.is_removed, true) AS is_removed,
        c.phone, c.operator_code, c.time_zone, c.email, c.full_name, c.comment AS client_comment,
        c.tags AS client_tags, {has_suppressions} AS has_suppressions
    FROM claimed LEFT JOIN clients c USING (client_id) ORDER BY claimed.due_at
    """,
    unfinished=UNFINISHED,
    sendable=SENDABLE_RUNS,
    is_due=IS_DUE_RETRY,
    suits=fragment(SUITS, of="e"),
    has_suppressions=HAS_SUPPRESSIONS,
)


async def claim_retries(
    db: Connection,
    claimant: Claimant,
    last: UUID = NOBODY,
    *,
    now: Instant,
    latest: Instant,
    limit: int,
) -> list[ClaimedRetry]:
    """Lease up to `limit` messages whose time to be tried again has come.

    The first are of the run after `last`, which had some before.

    Raises:
        RunUnreadable: One of them cannot be read.
    """
    values = claimant.values() | {"limit": limit, "last": last, "now": now, "latest": latest}
    rows = list(await db.execute(CLAIM_RETRIES, values))
    unwanted: Mapping[MessageKey, str] = {}
    if any(row.has_suppressions for row in rows):
        keys = [MessageKey(row.run_id, row.client_id) for row in rows]
        unwanted = await suppressed_messages(db, keys)
    retries = [_retry(row, unwanted) for row in rows]
    return await _with_own_ids(db, retries) if claimant.looks_up_by_own_id else retries


OWN_IDS = text("""
    SELECT DISTINCT ON (run_id, client_id) run_id, client_id, gateway_message_id
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[])
    ) AS wanted (run_id, client_id) JOIN attempts USING (run_id, client_id)
    WHERE outcome = 'unknown' AND gateway_message_id IS NOT NULL
    ORDER BY run_id, client_id, attempt DESC
""")


async def _with_own_ids(db: Connection, retries: Sequence[ClaimedRetry]) -> list[ClaimedRetry]:
    """Return retries with the gateway's own ids, by the last attempts that may have arrived."""
    unconfirmed = [each.key for each in retries if each.before.may_have_arrived]
    if not unconfirmed:
        return list(retries)
    run_ids, client_ids = zip(*unconfirmed, strict=True)
    rows = await db.execute(OWN_IDS, {"run_ids": run_ids, "client_ids": client_ids})
    own = {MessageKey(row.run_id, row.client_id): row.gateway_message_id for row in rows}
    return [replace(each, gateway_message_id=own.get(each.key)) for each in retries]


def last_in_turn(retries: Sequence[ClaimedRetry], last: UUID) -> UUID:
    """Return the run that had the last of these, which were claimed after `last`."""
    runs = {each.key.run_id for each in retries}
    return max(runs, key=lambda run_id: (run_id <= last, run_id), default=last)


def _retry(
    row: Any,  # noqa: ANN401 - a row of CLAIM_RETRIES
    unwanted: Mapping[MessageKey, str],
) -> ClaimedRetry:
    with naming(row.run_id):
        key = MessageKey(row.run_id, row.client_id)
        return ClaimedRetry(
            key=key,
            chunk=row.chunk,
            before=progress_of(row),
            contact=None if row.is_removed else contact_of(row.contact) or _newest_contact(row),
            suppressed=unwanted.get(key),
        )


def _newest_contact(row: Any) -> Contact:  # noqa: ANN401 - a row with a client's columns
    return Contact(
        row.phone,
        row.operator_code,
        row.time_zone,
        row.email,
        row.full_name,
        row.client_comment,
        row.client_tags,
    )


RELEASE_RETRIES = text("""
    UPDATE exceptions SET sender_id = NULL WHERE sender_id = :sender_id
        AND run_id = :run_id AND client_id = ANY(CAST(:client_ids AS uuid[]))
""")


async def release_retries(
    db: Connection, sender_id: UUID, run_id: UUID, client_ids: Sequence[UUID]
) -> None:
    """Give back retries that were not tried."""
    values = {"sender_id": sender_id, "run_id": run_id, "client_ids": client_ids}
    await db.execute(RELEASE_RETRIES, values)
