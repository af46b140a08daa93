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
