"""Suppressions: the clients whose contacts they are."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from shared.database import Connection

HOLD_OWNERS = text("""
    SELECT client_id FROM clients
    WHERE phone = ANY(CAST(:phones AS text[]))
        OR lower(email COLLATE "C") = ANY(CAST(:emails AS text[]))
    ORDER BY client_id FOR UPDATE
""")


async def hold_owners(
    db: Connection, *, phones: Sequence[str], emails: Sequence[str]
) -> list[UUID]:
    """Return the clients that have one of these contacts; e-mails are in lower case.

    Guarantee: they are as they are until the commit.
    """
    values = {"phones": list(phones), "emails": list(emails)}
    return list((await db.scalars(HOLD_OWNERS, values)).all())


HOLD_CLIENTS = text("""
    SELECT client_id FROM clients WHERE client_id > :after ORDER BY client_id LIMIT :limit
    FOR UPDATE
""")


async def hold_clients(db: Connection, after: UUID, *, limit: int) -> list[UUID]:
    """Return the next clients behind one, in order, as `hold_owners` does."""
    values = {"after": after, "limit": limit}
    return list((await db.scalars(HOLD_CLIENTS, values)).all())
