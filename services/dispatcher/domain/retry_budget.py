"""A budget of retries: while a gateway fails, they are few beside what is new. Pure.

So a gateway that fails gets little more than it would have got, and as soon as it processes
messages again, the budget grows by itself until it bounds nothing.
"""

FULL = 1_000.0  # retries that may go at once
PER_FRESH, PER_SUCCESS = 0.15, 2.0
LEAST_PER_S = 5.0  # also if there is nothing new, and nothing is processed


class RetryBudget:
    """How many retries one process may make at one gateway."""

    __slots__ = ("_filled_at", "_left", "_processed")

    def __init__(self) -> None:
        self._left = FULL
        self._filled_at: float | None = None
        self._processed = 0

    def allowed(self, now: float, processed: int) -> int:
        """Return how many may go `now`, any seconds; so many were ever `processed` by then."""
        waited_s = 0.0 if self._filled_at is None else max(now - self._filled_at, 0.0)
        successes = max(processed - self._processed, 0)
        self._filled_at, self._processed = now, processed
        self._fill(LEAST_PER_S * waited_s + PER_SUCCESS * successes)
        return int(self._left)

    def took(self, retries: int, fresh: int) -> None:
        """Take so many retries out, and let in what so many new messages bring."""
        self._left -= retries
        self._fill(PER_FRESH * fresh)

    def _fill(self, by: float) -> None:
        self._left = min(self._left + by, FULL)
