"""Resends over HTTP: what did not arrive of a run is sent again."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.resend import (
    Chosen,
    MailingIsStopped,
    NothingToResend,
    Resendable,
    ResendDiffers,
    ResendInvalid,
    ResendUnderWay,
    RunNotEnded,
)
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.resending import NewResend, count, resend
from services.dispatcher.queries import runs as queries
from services.dispatcher.queries.runs import RunView
from shared import ids
from shared.database import autocommit
from shared.http import (
    DatabasePool,
    IdempotencyKey,
    Moving,
    View,
    WrittenInstant,
    answers,
    strict_router,
)

router = strict_router("/v1/runs", "runs")


class ResendBody(Moving):
    """Which messages are sent again, and in which window."""

    statuses: tuple[Resendable, ...] = Field(
        min_length=1, max_length=100, examples=[["failed", "expired"]]
    )
    reasons: tuple[Annotated[str, Field(max_length=200)], ...] = Field(
        (),
        max_length=100,
        description="As GET /v1/runs/{run_id}/reasons has them; empty: any; an empty text: none.",
        examples=[["status_500"]],
    )
    starts_at: WrittenInstant | None = Field(None, examples=["2026-03-02T09:00:00Z"])
    ends_at: WrittenInstant | None = Field(
        None, description="Needed unless it is a dry run.", examples=["2026-03-02T18:00:00Z"]
    )
    dry_run: bool = Field(
        default=False, description="Count only, or refuse as the resend would be; nothing is sent."
    )


class ResendView(View):
    """What is sent again, or would be."""

    resent_from: UUID
    clients: int = Field(
        description="To whom it goes; who has got it by an earlier resend is left out.",
        examples=[12],
    )
    unreachable: int = Field(
        description="How many of these lack the contact that the gateway needs now: they fail.",
        examples=[2],
    )
    run: RunView | None = Field(description="The run that does it; none: a dry run.")


@router.post(
    "/{run_id}/resend",
    operation_id="resend_run",
    responses=answers(
        RunUnknown,
        MessagesDeleted,
        RunNotEnded,
        MailingIsStopped,
        ResendUnderWay,
        ResendDiffers,
        ResendInvalid,
        NothingToResend,
    ),
)
async def resend_run(
    run_id: UUID, body: ResendBody, pool: DatabasePool, key: IdempotencyKey
) -> ResendView:
    """Send again what did not arrive of an ended run: by a new run, over exactly those clients.

    It has the content and the gateway of the other one, a window of its own, and goes by its own
    switch. Who has got it meanwhile by a resend of the run, or of its resends, is left out. What
    is undetermined may have arrived: then a client gets it twice. With an Idempotency-Key, a
    repeated request makes no second run.
    """
    chosen = Chosen(run_id, body.statuses, body.reasons)
    if body.dry_run:
        found = await count(pool, chosen)
        return ResendView(resent_from=run_id, **found._asdict(), run=None)
    new_id = ids.keyed_id(f"resends/{run_id}", key) if key else ids.new_id()
    new = NewResend(chosen, new_id, body.starts_at, body.ends_at, body.by)
    found = await resend(pool, new)
    async with autocommit(pool) as db:
        view = await queries.run(db, new_id)
    return ResendView(resent_from=run_id, **found._asdict(), run=view)
