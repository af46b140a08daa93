"""Subjects: all that the dispatcher has of a person."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from services.dispatcher.domain.test_send import ClientUnknown
from services.dispatcher.queries.derived import MessageWithAttempts
from services.dispatcher.queries.messages import message
from services.dispatcher.queries.of_client import messages_of_client
from shared import ids
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class ContactView(View):
    """A client as messages need it."""

    phone: str | None
    operator_code: str | None
    tags: list[str]
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None
    preferred_times: str | None


class KeptContactView(View):
    """A contact that is kept because a message may have arrived there, and is repeated."""

    run_id: UUID
    contact: dict[str, Any] = Field(examples=[{"phone": "79161234567"}])


class BareContactView(View):
    """Whom a test send went to."""

    phone: str | None
    email: str | None
    full_name: str | None


class BareTestSendView(View):
    """A test send to a bare contact that is the client's."""

    run_id: UUID
    created_at: Instant
    to: BareContactView
    message: MessageWithAttempts


class DispatcherSubjectDataView(View):
    """All that the dispatcher has of a person; of its messages a page."""

    copy_: ContactView | None = Field(
        serialization_alias="copy", description="Of the catalog's client; none: it is removed."
    )
    kept_contacts: list[KeptContactView]
    test_sends: list[BareTestSendView]
    messages: list[MessageWithAttempts] = Field(
        description="The newest runs' first, with all that was tried; not of archived runs."
    )
    next_cursor: str | None = Field(description="Where the next page of messages begins.")


COPY = text("""
    SELECT phone, operator_code, tags, time_zone, email, full_name, comment, preferred_times,
        is_removed
    FROM clients WHERE client_id = :client_id
""")
KEPT = text("""
    SELECT run_id, contact FROM exceptions
    WHERE client_id = :client_id AND contact IS NOT NULL ORDER BY run_id
""")
BARE = text("""
    SELECT t.run_id, t.client_id, r.created_at, bare.phone, bare.email, bare.full_name
    FROM clients AS own JOIN clients AS bare ON bare.registered_at = 'infinity'
        AND (bare.phone = own.phone OR lower(bare.email) = lower(own.email))
    JOIN trials t ON t.client_id = bare.client_id JOIN runs r ON r.run_id = t.run_id
    WHERE own.client_id = :client_id AND r.state <> 'archived' ORDER BY t.run_id
""")


async def subject_data(
    db: Connection, client_id: UUID, *, before: tuple[Instant, UUID] | None, limit: int
) -> DispatcherSubjectDataView:
    """Return what there is of a client, removed or not, and of up to `limit` of its messages.

    Raises:
        ClientUnknown: It never was known here.
    """
    values = {"client_id": client_id}
    copied = (await db.execute(COPY, values)).first()
    if copied is None:
        raise ClientUnknown
    kept = (await db.execute(KEPT, values)).all()
    found, cursor = await messages_of_client(db, client_id, None, before=before, limit=limit)
    messages = [await message(db, each.message_id) for each in found]
    return DispatcherSubjectDataView(
        copy_=None if copied.is_removed else ContactView.model_validate(copied),
        kept_contacts=[KeptContactView.model_validate(each) for each in kept],
        test_sends=await _test_sends(db, (await db.execute(BARE, values)).all()),
        messages=messages,
        next_cursor=cursor,
    )


async def _test_sends(db: Connection, rows: Sequence[Any]) -> list[BareTestSendView]:
    return [
        BareTestSendView(
            run_id=row.run_id,
            created_at=row.created_at,
            to=BareContactView.model_validate(row),
            message=await message(db, ids.message_id(row.run_id, row.client_id)),
        )
        for row in rows
    ]
