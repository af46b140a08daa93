"""Bounces: messages that a contact has refused for good, counted until it is suppressed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from shared.contracts.dispatcher import ContactBounced
from shared.database import Connection

# Of a client that has changed since it was tried nobody knows whether it was this contact.
CONTACTS = text("""
    SELECT tried.n, c.phone, c.email FROM unnest(
        CAST(:client_ids AS uuid[]), CAST(:tried_at AS timestamptz[])
    ) WITH ORDINALITY AS tried (client_id, at, n)
    JOIN clients c USING (client_id) WHERE c.changed_at <= tried.at
""")


async def contacts(
    db: Connection, bounced: Sequence[ContactBounced]
) -> list[tuple[ContactBounced, str]]:
    """Return the contacts that have bounced, as far as their clients have them still."""
    values = {
        "client_ids": [each.client_id for each in bounced],
        "tried_at": [each.tried_at for each in bounced],
    }
    found = []
    for number, phone, email in await db.execute(CONTACTS, values):
        event = bounced[number - 1]
        contact = {"phone": phone, "email": email}.get(event.kind)
        if contact is not None:
            found.append((event, contact))
    return found


COUNT = text("""
    WITH added AS (
        INSERT INTO bounces (subject, run_id, bounced_at) SELECT * FROM unnest(
            CAST(:subjects AS text[]), CAST(:run_ids AS uuid[]), CAST(:instants AS timestamptz[])
        ) ON CONFLICT DO NOTHING RETURNING subject, run_id
    )
    SELECT subject, count(*) AS n FROM (
        SELECT subject, run_id FROM bounces WHERE subject = ANY(CAST(:subjects AS text[]))
        UNION SELECT subject, run_id FROM added
    ) AS known GROUP BY subject
""")


async def count(db: Connection, bounced: Sequence[tuple[str, UUID, Any]]) -> dict[str, int]:
    """Note bounces: subject, run and instant; return how many each subject has had in all."""
    values = {
        "subjects": [each[0] for each in bounced],
        "run_ids": [each[1] for each in bounced],
        "instants": [each[2] for each in bounced],
    }
    return {row.subject: row.n for row in await db.execute(COUNT, values)}
