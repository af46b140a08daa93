"""Test sends: what became of them."""

from uuid import UUID

from pydantic import Field

from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.domain.test_send import TestSendUnknown
from services.dispatcher.queries.derived import ATTEMPTS_LOG, DERIVED, AttemptView
from services.dispatcher.queue.resolving import CHUNK_OF
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.event import Instant
from shared.http import View


class TestSendView(View):
    """A test send: where its message is, and what was tried."""

    run_id: UUID = Field(description="Of the run that it is, in the ledger like any other.")
    message_id: str
    mailing_id: UUID | None = Field(description="Of which mailing it is a test, if that is saved.")
    client_id: UUID | None = Field(description="None: it went to a bare contact.")
    gateway: str
    status: State
    reason: str | None
    is_final: bool = Field(description="Nothing of it is tried any more.")
    attempts: int
    created_at: Instant
    ends_at: Instant = Field(description="Until then it is tried.")
    attempts_log: list[AttemptView]


# Of an archived one there is no message.
TEST_SEND = sql(
    """
    WITH sent AS MATERIALIZED (
        SELECT t.*, r.gateway, r.created_at, r.ends_at, r.archived_at
        FROM trials t JOIN runs r USING (run_id) WHERE t.run_id = :run_id
    ), m AS MATERIALIZED (
        SELECT sent.run_id, sent.client_id, own.*
        FROM sent CROSS JOIN LATERAL ({chunk_of}) AS own
    )
    SELECT sent.*, m.status, m.reason, m.attempts, ({attempts_log}) AS attempts_log
    FROM sent LEFT JOIN ({derived}) AS m ON true
    """,
    chunk_of=fragment(CHUNK_OF, run_id="sent.run_id", client_id="sent.client_id"),
    derived=DERIVED,
    attempts_log=ATTEMPTS_LOG,
)
OPEN = (State.PLANNED, State.RETRY)


async def get(db: Connection, run_id: UUID) -> TestSendView:
    """Return a test send.

    Raises:
        TestSendUnknown: There is no such one.
        MessagesDeleted: It is archived.
    """
    row = (await db.execute(TEST_SEND, {"run_id": run_id})).first()
    if row is None:
        raise TestSendUnknown
    if row.archived_at is not None:
        raise MessagesDeleted(row.archived_at)
    return TestSendView(
        run_id=run_id,
        message_id=ids.message_id(run_id, row.client_id),
        mailing_id=row.mailing_id,
        client_id=None if row.is_bare else row.client_id,
        gateway=row.gateway,
        status=row.status,
        reason=row.reason,
        is_final=row.status not in OPEN,
        attempts=row.attempts,
        created_at=row.created_at,
        ends_at=row.ends_at,
        attempts_log=[AttemptView.model_validate(each) for each in row.attempts_log],
    )
