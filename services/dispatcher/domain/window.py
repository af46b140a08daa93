"""A window: when messages of a run may be started."""

from dataclasses import dataclass, field
from datetime import timedelta

from shared.event import Instant

# Nothing starts in the last moments of a window: a request takes some time to get there.
LAST_START_S = 0.5


@dataclass(frozen=True, slots=True)
class Window:
    """A run's `[starts_at, ends_at)`, in seconds of business time since the epoch."""

    starts_at: float
    ends_at: float
    allowed_since: float = 0.0  # the same: what starts later than that is late
    last_start: float = field(init=False)  # what starts, starts before

    def __post_init__(self) -> None:
        object.__setattr__(self, "last_start", self.ends_at - LAST_START_S)

    def allows_start(self, at: float) -> bool:
        """Return whether a message may be started at this instant."""
        return self.starts_at <= at < self.last_start


def must_outlast(now: Instant) -> Instant:
    """Return what a window must end after for a message of it to be started `now`."""
    return now + timedelta(seconds=LAST_START_S)
