"""Suppressions: a copy of them, and which messages that were claimed are not wanted any more.

That is asked when messages are claimed, and again for each retry: so it holds for all that was not
sent. Where nothing is suppressed nothing is asked.
"""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from shared.contracts.catalog import SuppressionChanged, SuppressionLifted
from shared.database import Connection, fragment, sql
from shared.event import Received

# For claims, which return it with what they found.
HAS_SUPPRESSIONS = "EXISTS (SELECT FROM suppressions WHERE reasons IS NOT NULL)"

ARE_ANY = text(f"SELECT {HAS_SUPPRESSIONS}")


async def are_any(db: Connection) -> bool:
    """Return whether anything is suppressed."""
    return bool(await db.scalar(ARE_ANY))


# A client, or the contact that the gateway needs; where it needs none, either of them.
SUBJECTS = """
    ARRAY[CAST({client}.client_id AS text)]
        || CASE WHEN {contact} IS DISTINCT FROM 'email'
            THEN string_to_array({client}.phone_hashes, ' ') END
        || CASE WHEN {contact} IS DISTINCT FROM 'phone'
            THEN string_to_array({client}.email_hashes, ' ') END
"""
# That of the topic, or of all.
REASONS = """
    SELECT wanted.run_id, wanted.client_id, s.reason FROM ({wanted}) AS wanted
    JOIN runs r USING (run_id) LEFT JOIN gateways g ON g.name = r.gateway
    JOIN clients c USING (client_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(reasons ->> '', reasons ->> r.topic) AS reason FROM suppressions
        WHERE subject = ANY ({subjects}) AND reasons ?| ARRAY['', coalesce(r.topic, '')]
        ORDER BY subject LIMIT 1
    ) AS s
"""
OF_RUN = fragment(SUBJECTS, client="c", contact="g.contact")
OF_CHUNKS = sql(
    REASONS,
    subjects=OF_RUN,
    wanted="""
    SELECT run_id, unnest(client_ids) AS client_id
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[])) AS w (run_id, chunk)
    JOIN chunks USING (run_id, chunk)
    """,
)


async def suppressed_in_chunks(
    db: Connection, keys: Sequence[ChunkKey]
) -> Mapping[UUID, Mapping[UUID, str]]:
    """Return why messages of these chunks are not wanted, by run and client."""
    values = {"run_ids": [key.run_id for key in keys], "chunks": [key.chunk for key in keys]}
    found: dict[UUID, dict[UUID, str]] = {}
    for run_id, client_id, reason in await db.execute(OF_CHUNKS, values):
        found.setdefault(run_id, {})[client_id] = reason
    return found


OF_MESSAGES = sql(
    REASONS,
    subjects=OF_RUN,
    wanted="""
    SELECT * FROM unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]))
        AS w (run_id, client_id)
    """,
)


async def suppressed_messages(
    db: Connection, keys: Sequence[MessageKey]
) -> Mapping[MessageKey, str]:
    """Return why some of these messages are not wanted."""
    values = {
        "run_ids": [key.run_id for key in keys],
        "client_ids": [key.client_id for key in keys],
    }
    rows = await db.execute(OF_MESSAGES, values)
    return {MessageKey(run_id, client_id): reason for run_id, client_id, reason in rows}


STORE_SUPPRESSIONS = text("""
    INSERT INTO suppressions (subject, version, reasons)
    SELECT subject, version, CAST(reasons AS jsonb) FROM unnest(
        CAST(:subjects AS text[]), CAST(:versions AS int[]), CAST(:reasons AS text[])
    ) AS newest (subject, version, reasons)
    ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET version = excluded.version, reasons = excluded.reasons
    WHERE suppressions.version < excluded.version
""")


async def store(
    db: Connection, received: Sequence[Received[SuppressionChanged | SuppressionLifted]]
) -> None:
    """Store what is suppressed now; of what was lifted only that."""
    newest = {each.event.subject: each for each in sorted(received, key=lambda each: each.version)}
    values = {
        "subjects": list(newest),
        "versions": [each.version for each in newest.values()],
        "reasons": [_reasons(each.event) for each in newest.values()],
    }
    await db.execute(STORE_SUPPRESSIONS, values)


def _reasons(event: SuppressionChanged | SuppressionLifted) -> str | None:
    """Return the reasons by topic, empty for all of them, as JSON; None: nothing is suppressed."""
    if isinstance(event, SuppressionLifted):
        return None
    return json.dumps({each.topic or "": each.reason for each in event.entries})
