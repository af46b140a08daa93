"""Resending: a new run over those clients of an ended one whose messages did not arrive."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.resend import (
    Chosen,
    NothingToResend,
    ResendDiffers,
    Resent,
    check,
    window,
)
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.events import put_run_events, run_events
from services.dispatcher.queue import resending
from services.dispatcher.queue.resending import Counted
from shared import database
from shared.contracts.dispatcher import RunResent
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant

STREAM = "resend"  # of the event by which such a run begins, apart from those of its chunks


@dataclass(frozen=True, slots=True)
class NewResend:
    """What is to be sent again, by which run, when, and who says so."""

    chosen: Chosen
    run_id: UUID
    starts_at: Instant | None
    ends_at: Instant | None
    by: str | None = None


async def count(pool: Pool, chosen: Chosen) -> Counted:
    """Return to how many clients a resend would go now; none is 0, not a refusal.

    Raises:
        RunUnknown: No run has this identifier.
        MessagesDeleted: The run is archived.
        RunNotEnded: What is open may change yet.
        MailingIsStopped: Nothing of it is to be sent.
        ResendUnderWay: Some may be sent again already.
    """
    async with autocommit(pool) as db:
        held = await resending.hold(db, chosen.run_id)
        if held is None:
            raise RunUnknown
        _check(*held)
        return await resending.count_chosen(db, chosen)


async def resend(pool: Pool, new: NewResend) -> Counted:
    """Begin a run over the chosen clients, and publish that; return how many they are.

    It is written down like any other, by `planning`, from the run's messages as they are then.
    With the identifier of a resend that was made already nothing happens.

    Raises:
        RunUnknown: No run has this identifier.
        MessagesDeleted: The run is archived.
        RunNotEnded: What is open may change yet.
        MailingIsStopped: Nothing of it is to be sent.
        ResendUnderWay: Some may be sent again already.
        ResendDiffers: The identifier is that of another one.
        ResendInvalid: It has no window, or none that can be.
        NothingToResend: Nothing is chosen.
    """
    chosen = new.chosen
    async with transaction(pool) as db:
        held = await resending.hold(db, chosen.run_id)
        if held is None:
            raise RunUnknown
        if await _is_made(db, new):
            return await resending.count_chosen(db, chosen, but=new.run_id)
        run, row = held
        _check(run, row)
        now = await database.now(db)
        starts_at, ends_at = window(new.starts_at, new.ends_at, now)
        counted = await resending.count_chosen(db, chosen)
        if not counted.clients:
            raise NothingToResend
        event = RunResent(
            run_id=new.run_id,
            mailing_id=row.mailing_id,
            resent_from=chosen.run_id,
            statuses=list(chosen.statuses),
            reasons=list(chosen.reasons),
            starts_at=starts_at,
            ends_at=ends_at,
            resent_at=now,
            by=new.by,
        )
        await resending.insert(db, event)
        events = run_events(new.run_id, row.traceparent, [(1, event)], now, stream=STREAM)
        await put_run_events(db, events)
        crash_point("dispatcher.resend.written")
    crash_point("dispatcher.resend.committed")
    return counted


def _check(run: Resent, row: Any) -> None:  # noqa: ANN401 - a row of the queue
    """Return if some of the run may be sent again now: a dry run is refused as a resend is."""
    if row.archived_at is not None:
        raise MessagesDeleted(row.archived_at)
    check(run)


async def _is_made(db: Connection, new: NewResend) -> bool:
    """Return whether this resend was made already.

    Raises:
        ResendDiffers: Another one was, under its identifier.
    """
    row = await resending.made(db, new.run_id)
    if row is None:
        return False
    chosen = new.chosen
    same = (chosen.run_id, list(chosen.statuses), list(chosen.reasons), new.ends_at)
    if (row.resent_from, row.resent_statuses, row.resent_reasons, row.ends_at) != same:
        raise ResendDiffers
    return True
