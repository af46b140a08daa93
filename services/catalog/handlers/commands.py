"""Commands: load the stream, decide, append."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from services.catalog.domain.client import ClientCommand, client
from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import ChangeMailing, CreateMailing, MailingCommand
from services.catalog.domain.remarks import Remark, of_plan, remarks
from shared import telemetry
from shared.event import Cause, Instant
from shared.event_store import NO_CAUSE, EventStore, execute, execute_many

STREAM = "mailings.stream"  # of a span: what a command was about
AT_ONCE = 100  # commands in one transaction: few, for a rival of one lets all be decided again


def stream(command: MailingCommand | ClientCommand) -> str:
    """Return the name of the stream that a command is about."""
    if isinstance(command, ClientCommand):
        return f"client-{command.client_id}"
    return f"mailing-{command.mailing_id}"


async def handle(
    store: EventStore,
    command: MailingCommand | ClientCommand,
    *,
    expected: Collection[int] | None = None,
    cause: Cause = NO_CAUSE,
) -> int:
    """Carry out `command`; return the version of its mailing or client afterwards.

    Raises:
        StaleVersion: It is not at a version that is `expected`.
    """
    decider: Any = client if isinstance(command, ClientCommand) else mailing
    name = stream(command)
    with telemetry.span(type(command).__name__, {STREAM: name}):
        return await execute(store, decider, name, command, expected=expected, cause=cause)


async def remarks_on(store: EventStore, command: CreateMailing | ChangeMailing) -> list[Remark]:
    """Return what is to be said of a mailing that was created, or of a change of it."""
    if isinstance(command, CreateMailing):
        return of_plan(command.plan, command.now)
    name = stream(command)
    known = await store.load_states([name], mailing)
    return remarks(command.changes.keys(), known[name].state, command.now)


async def handle_many(
    store: EventStore, commands: Sequence[tuple[MailingCommand, Cause]], *, now: Instant
) -> None:
    """Carry out commands of many mailings, those of each in order, with few transactions."""
    waiting: dict[str, list[tuple[MailingCommand, Cause]]] = {}
    for each in commands:
        waiting.setdefault(stream(each[0]), []).append(each)
    while waiting:
        heads = {name: waiting[name].pop(0) for name in list(islice(waiting, AT_ONCE))}
        [(first, _), *_] = heads.values()
        with telemetry.span(type(first).__name__, {telemetry.BATCH_SIZE: len(heads)}):
            await execute_many(store, mailing, heads, now=now)
        waiting = {name: left for name, left in waiting.items() if left}
