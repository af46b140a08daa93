"""Test sends: each a run with one chunk and one message; and bare contacts.

A bare contact is a row of `clients` that was registered at the end of time: no run but its own
ever chooses it, not even one that a dispatcher of an older release writes down.
"""

from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.test_send import TEST_SENDS, Recipient, TestSend
from shared.contracts.catalog import MessageClass, Priority
from shared.database import Connection, sql
from shared.event import Instant

GATEWAY = text("SELECT contact FROM gateways WHERE name = :name AND NOT is_removed")


async def needed_contact(
    db: Connection, gateway: str
) -> tuple[bool, Literal["phone", "email"] | None]:
    """Return whether there is a gateway of this name, and what it needs of a client."""
    row = (await db.execute(GATEWAY, {"name": gateway})).first()
    return row is not None, None if row is None else row.contact


IS_CLIENT = text("""
    SELECT EXISTS (
        SELECT FROM clients WHERE client_id = :client_id AND NOT is_removed
            AND registered_at IS DISTINCT FROM 'infinity'
    )
""")


async def is_client(db: Connection, client_id: UUID) -> bool:
    """Return whether there is such a client."""
    return bool(await db.scalar(IS_CLIENT, {"client_id": client_id}))


MADE = text("""
    SELECT t.mailing_id, t.client_id, t.is_bare, r.gateway, r.body, r.subject, r.html, r.sender,
        c.phone, c.email, c.full_name
    FROM trials t JOIN runs r USING (run_id) LEFT JOIN clients c ON c.client_id = t.client_id
    WHERE run_id = :run_id
""")


async def made(db: Connection, run_id: UUID) -> Any:  # noqa: ANN401 - a row of MADE
    """Return a test send that was made already, with its contact; None if there is none."""
    return (await db.execute(MADE, {"run_id": run_id})).first()


INSERT_RUN = text("""
    INSERT INTO runs (
        run_id, mailing_id, body, subject, html, sender, gateway, filter, starts_at, ends_at,
        is_last, state, expanded_to, chunk_count, planned_count, created_at, begun_at, is_by_chunk,
        priority, message_class
    ) VALUES (
        :run_id, :test_sends, :body, :subject, :html, :sender, :gateway,
        '{"operator_codes": [], "tags": []}', :now, :ends_at, false, 'sending',
        CAST(:client_id AS uuid), 1, 1, :now, :now, true, :priority, :message_class
    )
    ON CONFLICT DO NOTHING RETURNING run_id
""")
INSERT_TEST_SEND = text("""
    INSERT INTO trials (run_id, mailing_id, client_id, is_bare)
    VALUES (:run_id, :mailing_id, :client_id, :is_bare)
""")
INSERT_CHUNK = text("""
    INSERT INTO chunks (
        run_id, chunk, due_at, client_ids, state, epoch, reaped, is_touched, open_count
    ) VALUES (:run_id, 0, :now, ARRAY[CAST(:client_id AS uuid)], 'planned', 0, 0, false, 1)
""")
INSERT_CONTACT = text("""
    INSERT INTO clients (
        client_id, version, is_removed, phone, operator_code, tags, email, full_name,
        registered_at
    ) VALUES (
        :client_id, 0, false, :phone, substr(:phone, 2, 3), '{}', :email, :full_name, 'infinity'
    )
""")


async def insert(
    db: Connection, new: TestSend, client_id: UUID, *, now: Instant, window: timedelta
) -> bool:
    """Insert a test send, which is due at once; return False if there is one already."""
    run = {
        **new.content._asdict(),
        "run_id": new.run_id,
        "client_id": client_id,
        "test_sends": TEST_SENDS,
        "now": now,
        "ends_at": now + window,
        "priority": Priority.URGENT,
        "message_class": MessageClass.CRITICAL,
    }
    if (await db.execute(INSERT_RUN, run)).first() is None:
        return False
    key = {"run_id": new.run_id, "client_id": client_id}
    is_bare = new.recipient.is_bare
    await db.execute(INSERT_TEST_SEND, key | {"mailing_id": new.mailing_id, "is_bare": is_bare})
    await db.execute(INSERT_CHUNK, key | {"now": now})
    if is_bare:
        await db.execute(INSERT_CONTACT, _contact(new.recipient) | {"client_id": client_id})
    return True


def _contact(to: Recipient) -> dict[str, str | None]:
    return {"phone": to.phone, "email": to.email, "full_name": to.full_name}


ERASE = """
    WITH erased AS (
        DELETE FROM clients USING trials t {tables}
        WHERE clients.client_id = t.client_id AND t.is_bare AND {which}
        RETURNING clients.client_id
    ), dropped AS (
        UPDATE exceptions e SET contact = NULL FROM trials t JOIN erased USING (client_id)
        WHERE e.run_id = t.run_id AND e.client_id = t.client_id AND e.contact IS NOT NULL
    )
    SELECT count(*) FROM erased
"""
ERASE_ONE = sql(ERASE, tables="", which="t.run_id = :run_id")
ERASE_OLD = sql(
    ERASE,
    tables="JOIN runs r ON r.run_id = t.run_id",
    which="r.state IN ('finished', 'archived') AND r.finished_at < :before",
)


async def erase_contact(db: Connection, run_id: UUID) -> None:
    """Erase the bare contact of a test send; if it is still open, it is cancelled."""
    await db.execute(ERASE_ONE, {"run_id": run_id})


async def erase_contacts(db: Connection, before: Instant) -> int:
    """Erase the bare contacts of test sends that ended before an instant; return how many."""
    return int(await db.scalar(ERASE_OLD, {"before": before}))
