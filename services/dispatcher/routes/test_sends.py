"""Test sends over HTTP: a mailing, saved or not, to one client or a bare contact."""

from uuid import UUID

from fastapi import Response, status
from pydantic import Field

from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.domain.test_send import (
    ClientUnknown,
    Content,
    Recipient,
    TestSend,
    TestSendDiffers,
    TestSendInvalid,
    TestSendUnknown,
)
from services.dispatcher.handlers import test_sends as handlers
from services.dispatcher.queries import test_sends as queries
from services.dispatcher.queries.test_sends import TestSendView
from shared import ids
from shared.contracts.catalog import GatewayKey
from shared.database import Pool, autocommit
from shared.http import (
    PHONE_LENGTH,
    PHONE_WRITTEN,
    Body,
    Database,
    DatabasePool,
    IdempotencyKey,
    WrittenPhone,
    answers,
    strict_router,
)
from shared.template import TemplateInvalid

router = strict_router("/v1/test-sends", "test sends")


class TestRecipient(Body):
    """To whom a test goes: a client, or a phone or an e-mail address of anybody."""

    client_id: UUID | None = Field(None, examples=[None])
    phone: WrittenPhone | None = Field(
        None, description=PHONE_WRITTEN, max_length=PHONE_LENGTH, examples=["79161234567"]
    )
    email: str | None = Field(None, max_length=254, examples=[None])
    full_name: str | None = Field(None, max_length=200, examples=["Anna Ivanova"])


class NewTestSend(Body):
    """The body of POST /v1/test-sends: what a mailing says, as the catalog has it, and to whom."""

    gateway: GatewayKey = Field(examples=["http"], max_length=100)
    body: str = Field(min_length=1, max_length=50_000, examples=["Hello {{ full_name }}!"])
    subject: str | None = Field(None, min_length=1, max_length=500, examples=[None])
    html: str | None = Field(None, min_length=1, max_length=100_000, examples=[None])
    sender: str | None = Field(None, min_length=1, max_length=460, examples=[None])
    mailing_id: UUID | None = Field(
        None, description="Of which saved mailing it is a test: it is shown.", examples=[None]
    )
    to: TestRecipient


@router.post(
    "",
    operation_id="send_test",
    status_code=status.HTTP_201_CREATED,
    responses=answers(
        ClientUnknown,
        TestSendDiffers,
        TestSendInvalid,
        TemplateInvalid,
        status=201,
        headers=("Location",),
    ),
)
async def send_test(
    body: NewTestSend, response: Response, pool: DatabasePool, key: IdempotencyKey
) -> TestSendView:
    """Send one message as a mailing would, at once, before all that is not urgent.

    It goes the way of all messages: what holds its gateway holds it, and it is tried again, for
    ten minutes. It is in the ledger as a run of its own, and in no statistics and no event; no
    switch of a mailing concerns it. A bare contact is kept for a day after that, unless it is
    erased before.
    """
    content = Content(body.gateway, body.body, body.subject, body.html, body.sender)
    recipient = Recipient(**body.to.model_dump())
    new = TestSend(ids.id_of_test_send(key), content, recipient, body.mailing_id)
    await handlers.send(pool, new)
    response.headers["Location"] = f"/v1/test-sends/{new.run_id}"
    return await _now(pool, new.run_id)


@router.get(
    "/{run_id}", operation_id="get_test_send", responses=answers(TestSendUnknown, MessagesDeleted)
)
async def test_send(run_id: UUID, db: Database) -> TestSendView:
    """Show what became of a test send, with all attempts and the gateway's answers."""
    return await queries.get(db, run_id)


@router.delete(
    "/{run_id}/contact",
    operation_id="erase_test_contact",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(TestSendUnknown),
)
async def erase_contact(run_id: UUID, pool: DatabasePool) -> None:
    """Erase the bare contact of a test send now; what was not sent yet is cancelled."""
    await handlers.erase(pool, run_id)


async def _now(pool: Pool, run_id: UUID) -> TestSendView:
    async with autocommit(pool) as db:
        return await queries.get(db, run_id)
