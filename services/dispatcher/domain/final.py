"""The end of a message: the event that publishes its final state."""

from typing import Any

from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.progress import Progress
from shared.contracts.dispatcher import (
    MessageCancelled,
    MessageDelivered,
    MessageEvent,
    MessageExpired,
    MessageFailed,
    MessageSuppressed,
    MessageUndetermined,
    State,
)
from shared.event import Instant


def final_event(key: MessageKey, chunk: int, progress: Progress, at: Instant) -> MessageEvent:
    """Return the event of a final state."""
    fields: dict[str, Any] = {
        "run_id": key.run_id,
        "client_id": key.client_id,
        "state": progress.state,
        "attempts": progress.attempts,
        "version": progress.version,
        "at": at,
        "chunk": chunk,
    }
    match progress.state:
        case State.DELIVERED:
            return MessageDelivered(**fields)
        case State.EXPIRED:
            return MessageExpired(**fields)
        case State.FAILED:
            return MessageFailed(**fields, reason=progress.reason or "")
        case State.CANCELLED:
            return MessageCancelled(**fields, reason=progress.reason or "")
        case State.SUPPRESSED:
            return MessageSuppressed(**fields, reason=progress.reason or "")
        case _:
            return MessageUndetermined(**fields)
