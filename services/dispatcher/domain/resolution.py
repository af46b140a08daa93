"""A resolution: what somebody found out of a message of which no attempt says how it ended."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec.structs import replace

from services.dispatcher.domain.final import final_event
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.message import Step
from services.dispatcher.domain.progress import Progress
from shared.contracts.dispatcher import DELIVERED_VERSION, MessageResolved, State
from shared.errors import Conflict
from shared.event import Instant

Outcome: TypeAlias = Literal[State.DELIVERED, State.FAILED]


class NotUndetermined(Conflict):
    """Only a message that is undetermined can be resolved: of all others it is known."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of a message, how that is known, and who says so."""

    outcome: Outcome
    reason: str
    by: str | None = None


def resolved(
    key: MessageKey, chunk: int, before: Progress, resolution: Resolution, at: Instant
) -> Step:
    """Return what a resolution does to a message: nothing if it is what was said before.

    Its attempts stay as they are: should one of them be answered after all, a success wins.

    Raises:
        NotUndetermined: It is known what became of it.
    """
    outcome, reason = resolution.outcome, resolution.reason
    if (before.state, before.reason) == (outcome, reason):
        return Step(before, None, ())
    if before.state is not State.UNDETERMINED:
        raise NotUndetermined
    is_delivered = outcome is State.DELIVERED
    version = DELIVERED_VERSION + before.attempts if is_delivered else before.version + 1
    after = replace(before, state=outcome, version=version, reason=reason)
    event = MessageResolved(
        run_id=key.run_id,
        client_id=key.client_id,
        state=outcome,
        attempts=after.attempts,
        version=version,
        at=at,
        chunk=chunk,
        reason=reason,
        by=resolution.by,
    )
    if not is_delivered:
        after = replace(after, version=version + 1)
    return Step(after, None, (event, final_event(key, chunk, after, at)))
