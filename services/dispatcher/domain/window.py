"""A window: when messages of a run may be started."""

from datetime import timedelta

from shared.event import Instant

# Nothing starts in the last moments of a window: a request takes some time to get there.
LAST_START_S = 0.5


def must_outlast(now: Instant) -> Instant:
    """Return what a window must end after for a message of it to be started `now`."""
    return now + timedelta(seconds=LAST_START_S)
