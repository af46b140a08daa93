"""Test sends: a message of a mailing goes to one client or bare contact, as all messages go."""

from uuid import UUID

from services.dispatcher.domain.test_send import (
    CONTACT_KEPT,
    WINDOW,
    ClientUnknown,
    TestSend,
    TestSendDiffers,
    TestSendInvalid,
    TestSendUnknown,
    check,
)
from services.dispatcher.handlers.archiving import Retention
from services.dispatcher.queue import test_sends as queue
from shared import database, ids
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.errors import FieldError


async def send(pool: Pool, new: TestSend) -> None:
    """Let a test send begin; with the identifier of one that was made nothing happens.

    Raises:
        TestSendInvalid: It cannot be like this.
        TemplateInvalid: One of its texts is no template.
        ClientUnknown: It is to a client that is not known.
        TestSendDiffers: The identifier is that of another one.
    """
    async with transaction(pool) as db:
        if await _is_made(db, new):
            return
        is_there, needed = await queue.needed_contact(db, new.content.gateway)
        if not is_there:
            detail = "no gateway has this name"
            raise TestSendInvalid(FieldError("/gateway", "gateway", detail))
        check(new, needed)
        client_id = new.recipient.client_id
        if client_id is not None and not await queue.is_client(db, client_id):
            raise ClientUnknown
        now = await database.now(db)
        to = client_id or ids.new_id()
        if not await queue.insert(db, new, to, now=now, window=WINDOW):
            await _is_made(db, new)  # beside us
        crash_point("dispatcher.test_send.written")
    crash_point("dispatcher.test_send.committed")


async def _is_made(db: Connection, new: TestSend) -> bool:
    """Return whether this test send was made already.

    Raises:
        TestSendDiffers: Another one was, under its identifier.
    """
    row = await queue.made(db, new.run_id)
    if row is None:
        return False
    to, content = new.recipient, new.content
    same = row.mailing_id == new.mailing_id and row.is_bare == to.is_bare
    same = same and all(getattr(row, name) == value for name, value in content._asdict().items())
    if to.is_bare:
        given = (to.phone, to.email, to.full_name)
        was_erased = row.phone is None and row.email is None
        same = same and (was_erased or (row.phone, row.email, row.full_name) == given)
    else:
        same = same and row.client_id == to.client_id
    if not same:
        raise TestSendDiffers
    return True


async def erase(pool: Pool, run_id: UUID) -> None:
    """Erase the bare contact of a test send; if it was not sent yet, it is cancelled.

    Raises:
        TestSendUnknown: There is no such test send.
    """
    async with transaction(pool) as db:
        if await queue.made(db, run_id) is None:
            raise TestSendUnknown
        await queue.erase_contact(db, run_id)
        crash_point("dispatcher.test_contact.written")
    crash_point("dispatcher.test_contact.committed")


async def erase_old(retention: Retention) -> bool:
    """Erase the bare contacts of tests that ended a day ago, or as long as runs are kept."""
    kept = CONTACT_KEPT if retention.period is None else min(CONTACT_KEPT, retention.period)
    async with autocommit(retention.pool) as db:
        return bool(await queue.erase_contacts(db, await database.now(db) - kept))
