"""Retention: how long the messages of finished runs are kept."""

from datetime import timedelta

from shared.errors import Conflict, Gone
from shared.event import Instant


class RunsKeptForever(Conflict):
    """Finished runs are kept for ever: name `before`, or set RUN_RETENTION."""


class MessagesDeleted(Gone):
    """The run is archived: its figures stay, its messages are deleted."""


def leaves_before(now: Instant, retention: timedelta | None, named: Instant | None) -> Instant:
    """Return before which instant runs have finished that leave now; a named one is that.

    Raises:
        RunsKeptForever: None is named, and there is no retention.
    """
    if named is not None:
        return named
    if retention is None:
        raise RunsKeptForever
    return now - retention
