"""Audiences: they are saved and changed, and mailings follow them.

A mailing has the filter of the audience that it refers to in its own stream, which is the judge of
what runs. So a change of an audience changes its mailings in the same transaction: what was
answered holds for every run that begins later, and a run pins what it begins with.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.catalog.domain.audience import (
    AudienceChanged,
    AudienceCommand,
    AudienceInUse,
    DeleteAudience,
    audience,
)
from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import (
    ChangeMailing,
    CreateMailing,
    FollowAudience,
    MailingCommand,
)
from services.catalog.domain.plan import MailingInvalid
from services.catalog.handlers.commands import stream
from services.catalog.queue import audiences as queue
from services.catalog.queue.audiences import SavedFilter
from shared.contracts.catalog import Filter
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.decider import Decider, Known
from shared.errors import FieldError, StaleVersion
from shared.event import Event
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.snapshots import load_states

MOST = 1_000  # mailings that refer to an audience and may still run


async def refer(
    store: PostgresEventStore,
    reference: str,
    command_for: Callable[[SavedFilter], CreateMailing | ChangeMailing],
    expected: Collection[int] | None,
) -> None:
    """Carry out a command about a mailing that refers to an audience, by identifier or name.

    Raises:
        MailingInvalid: There is no such audience, or so many mailings refer to it already.
        StaleVersion: The mailing is not at a version that is `expected`.
    """

    async def work(db: Connection) -> None:
        found = await queue.find(db, reference, is_held=True)
        if found is None:
            raise MailingInvalid(unknown_audience())
        if len(await queue.mailings_of(db, found.audience_id, MOST)) >= MOST:
            detail = f"{MOST} mailings refer to it already"
            raise MailingInvalid(FieldError("/audience", "too_many", detail, (MOST,)))
        command = command_for(found)
        await _execute(db, store, mailing, stream(command), command, expected)

    await _repeated(store, expected, work)


def of_audience(
    command: CreateMailing | ChangeMailing, found: SavedFilter
) -> CreateMailing | ChangeMailing:
    """Return a command about a mailing with the filter of an audience."""
    whose: dict[str, Any] = {"filter": found.filter, "audience_id": found.audience_id}
    if isinstance(command, CreateMailing):
        return replace(command, plan=replace(command.plan, **whose))
    return replace(command, changes={**command.changes, **whose})


def unknown_audience() -> FieldError:
    """Return what is said of a reference to nothing."""
    return FieldError("/audience", "unknown_audience", "none has this identifier or name")


async def handle_audience(
    store: PostgresEventStore,
    command: AudienceCommand,
    *,
    expected: Collection[int] | None = None,
) -> None:
    """Carry out `command`, and let the mailings that refer to the audience follow.

    Raises:
        AudienceInUse: It is to be deleted, and mailings that may still run refer to it.
        MailingInvalid: A mailing cannot follow.
        StaleVersion: It is not at a version that is `expected`.
    """

    async def work(db: Connection) -> None:
        await queue.hold_alone(db, command.audience_id)
        if isinstance(command, DeleteAudience):
            await _refuse_used(db, command.audience_id)
        name = f"audience-{command.audience_id}"
        decided = await _execute(db, store, audience, name, command, expected)
        if decided and isinstance(decided[-1], AudienceChanged):
            await _let_follow(db, store, command, decided[-1].filter)

    await _repeated(store, expected, work)


async def _repeated(
    store: PostgresEventStore,
    expected: Collection[int] | None,
    work: Callable[[Connection], Awaitable[None]],
) -> None:
    """Do some work in a transaction; again where another was faster, unless one is expected."""
    while True:
        try:
            async with transaction(store.pool) as db:
                await work(db)
                crash_point("catalog.audience.written")
        except StaleVersion:
            if expected is not None:
                raise
        else:
            crash_point("catalog.audience.committed")
            return


async def _execute(
    db: Connection,
    store: PostgresEventStore,
    decider: Decider[Any, Any, Any],
    name: str,
    command: AudienceCommand | MailingCommand,
    expected: Collection[int] | None,
) -> Sequence[Event]:
    """Load the stream, decide, append; return the new events.

    Raises:
        StaleVersion: It is not at a version that is `expected`, or another writer was faster.
    """
    known = (await load_states(db, [name], decider)).get(name, Known(decider.initial, 0))
    if expected is not None and known.version not in expected:
        raise StaleVersion
    decided: Sequence[Event] = decider.decide(command, known.state)
    if decided:
        await store.append_in(db, [Append(name, decided, known.version)], now=command.now)
    return decided


async def _refuse_used(db: Connection, audience_id: UUID) -> None:
    if found := await queue.mailings_of(db, audience_id, MOST):
        raise AudienceInUse(*found)


async def _let_follow(
    db: Connection, store: PostgresEventStore, command: AudienceCommand, wanted: Filter
) -> None:
    """Change the mailings that refer to an audience."""
    commands = [
        FollowAudience(
            mailing_id=each.mailing_id,
            audience_id=command.audience_id,
            filter=wanted,
            now=command.now,
        )
        for each in await queue.mailings_of(db, command.audience_id, MOST)
    ]
    states = await load_states(db, [stream(each) for each in commands], mailing)
    appends = [
        Append(name, decided, states[name].version)
        for each in commands
        if (name := stream(each)) in states
        and (decided := mailing.decide(each, states[name].state))
    ]
    await store.append_in(db, appends, now=command.now)
