"""The heartbeats of leases: which of them stand still, by a clock that only grows."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

from shared.clock import Monotonic, monotonic
from shared.errors import Unavailable

K = TypeVar("K", bound=Hashable)


class Heartbeats(Generic[K]):
    """The heartbeats of others, as one process has seen them.

    A lease is stale when its heartbeat was not seen to change for a whole lease time, without a
    failed query in between: so neither restarts of the database nor moved clocks end a living
    one.
    """

    def __init__(
        self, lease_s: float | Callable[[K], float], clock: Monotonic = monotonic
    ) -> None:
        """`lease_s`: seconds, of all leases or of each."""
        self._lease_s = lease_s if callable(lease_s) else lambda _: lease_s
        self._clock = clock
        self._seen: dict[K, tuple[int, float]] = {}  # beat, and when it was seen first

    async def update(self, beats: Callable[[], Awaitable[Mapping[K, int]]]) -> dict[K, int]:
        """Read all `beats`; return those of the stale leases.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        began = self._clock()
        try:
            found = await beats()
        except Unavailable:
            self._seen.clear()
            raise
        seen_at = self._clock()  # the query may have taken long
        self._seen = {
            key: self._seen[key] if self._seen.get(key, (-1, 0.0))[0] == beat else (beat, seen_at)
            for key, beat in found.items()
        }
        return {
            key: beat
            for key, (beat, since) in self._seen.items()
            if began - since > self._lease_s(key)
        }
