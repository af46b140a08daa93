"""Commands: load the stream, decide, append."""

from collections.abc import Collection
from typing import Any

from services.catalog.domain.client import ClientCommand, client
from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import MailingCommand
from shared.event import Cause
from shared.event_store import NO_CAUSE, EventStore, execute


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
    return await execute(store, decider, stream(command), command, expected=expected, cause=cause)
