"""Turns: in which order runs share a gateway, and how much of them is leased ahead."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from shared.contracts.catalog import Priority

ORDER = (Priority.URGENT, Priority.NORMAL, Priority.BULK)  # who goes first
READY_LIMIT = 3_000  # messages that are leased ahead, as one priority sees it
MOST_READY = 4  # times that limit: of all priorities together
SMALL = 100  # messages: so small a run need not wait for room
TURN = 10  # messages of a run that go one after the other while others wait
SHARE = 20  # one of so many goes to each priority that waits, whatever is before it


class Room:
    """How much more may be leased ahead. What a claim leases is counted at once.

    A message sees only what goes before it: what is leased of later priorities is not in its way.
    Of a priority of which nothing waits a chunk may always be leased, so that it has its share. A
    small run of which nothing waits gets in whatever waits of others, up to a bound for all.
    """

    def __init__(
        self,
        limit: int,
        waiting: Mapping[Priority, int] | None = None,
        runs: Collection[UUID] = (),
    ) -> None:
        """`limit`: of one priority; `waiting`: how many messages there are; `runs`: of which."""
        self._limit = limit
        self._waiting = dict.fromkeys(ORDER, 0) | dict(waiting or {})
        self._runs = set(runs)
        self._was_full = self._count >= limit

    @property
    def _count(self) -> int:
        return sum(self._waiting.values())

    @property
    def left(self) -> int:
        """How many more messages may be leased, whatever they are."""
        return max(MOST_READY * self._limit - self._count, 0)

    @property
    def is_enough(self) -> bool:
        """Whether a claim has brought what there was room for.

        One that began without room looks for all that may pass what waits; the others don't, so
        that where nothing passes they ask for nothing in vain.
        """
        return self._count >= self._limit and not (self._was_full and self.left)

    @property
    def priorities(self) -> list[Priority]:
        """Those of which a chunk may be leased."""
        found, before = [], 0
        for priority in ORDER:
            waiting = self._waiting[priority]
            before += waiting
            if not waiting or before < self._limit:
                found.append(priority)
        return found

    @property
    def small(self) -> int:
        """How many messages a run has at most that gets in without room; 0: none does."""
        return SMALL if self.left else 0

    @property
    def runs(self) -> list[UUID]:
        """The runs of which something waits."""
        return list(self._runs)

    def take(self, priority: Priority, run_id: UUID, size: int) -> None:
        """Count what was leased."""
        self._waiting[priority] += size
        self._runs.add(run_id)


class Shares:
    """Whose turn it is among priorities: the first, but for the share of those after it.

    Priorities are their places in `ORDER` here: an enumeration's hash costs more than the rest.
    """

    def __init__(self) -> None:
        self._passed = [0 for _ in ORDER]  # messages that went before some that waited

    def next(self, waiting: Sequence[int]) -> tuple[int, int]:
        """Return whose turn it is, and for how many messages, where something waits."""
        first, *others = [place for place, count in enumerate(waiting) if count]
        if not others:
            return first, waiting[first]
        for place in others:
            if self._passed[place] >= SHARE - 1:
                return place, 1
        return first, SHARE - 1 - max(self._passed[other] for other in others)

    def took(self, place: int, count: int, waiting: Sequence[int]) -> None:
        """Count messages that went, with what waits now."""
        self._passed[place] = 0
        for other in range(place + 1, len(ORDER)):
            self._passed[other] = self._passed[other] + count if waiting[other] else 0
