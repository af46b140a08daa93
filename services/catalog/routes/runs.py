"""Runs over HTTP: begin one by hand, as schedulers of others do."""

from uuid import UUID

from fastapi import status
from pydantic import Field

from services.catalog import handlers
from services.catalog.domain.mailing import (
    MailingAlreadyEnded,
    MailingIsPaused,
    MailingRunsOnce,
    MailingUnknown,
    MailingWindowOver,
)
from services.catalog.domain.mailing_commands import StartMailing
from services.catalog.domain.recurring import NominalInvalid, RunIsGoingOn, nominal_of
from services.catalog.queries import mailings as queries
from shared import ids
from shared.contracts.scheduler import ONCE
from shared.database import autocommit
from shared.http import Body, Change, View, answers, strict_router

router = strict_router("/v1/mailings", "mailings")


class NewRun(Body):
    """The body of POST /v1/mailings/{mailing_id}/runs: which run it is to be."""

    nominal: str | None = Field(
        None,
        max_length=100,
        description="Names the run, which is begun once: a local time, in the zone of the "
        "schedule's first entry if it names none. None: a run of its own, now.",
        examples=["2026-03-01T09:00[Europe/Moscow]"],
    )


class BegunRun(View):
    """The run that was begun, or had been."""

    run_id: UUID
    mailing_id: UUID
    nominal: str


@router.post(
    "/{mailing_id}/runs",
    operation_id="begin_run",
    status_code=status.HTTP_202_ACCEPTED,
    responses=answers(
        MailingAlreadyEnded,
        MailingIsPaused,
        MailingRunsOnce,
        MailingUnknown,
        MailingWindowOver,
        NominalInvalid,
        RunIsGoingOn,
    ),
)
async def begin_run(mailing_id: UUID, context: Change, body: NewRun | None = None) -> BegunRun:
    """Begin a run by hand: of a recurring mailing one more, named by its nominal time.

    A mailing that runs once is started by it. The same run is begun once, however often it is
    asked for, also if it is an occurrence of the schedule that comes, or came, by itself.
    """
    async with autocommit(context.pool) as db:
        view = await queries.mailing(db, mailing_id)
    given = body.nominal if body else None
    if view.schedule is None:
        nominal, named = ONCE, given  # which is refused
    else:
        nominal = named = nominal_of(given, view.schedule.first_zone, context.now)
    command = StartMailing(mailing_id=mailing_id, now=context.now, nominal=named)
    await handlers.handle(context.store, command, expected=context.expected)
    run_id = ids.run_id(mailing_id, nominal)
    return BegunRun(run_id=run_id, mailing_id=mailing_id, nominal=nominal)
