"""Failing: results that cannot be recorded wait by themselves, so that the others go on.

Such a message stays leased, and its run does not finish, until its result is on record, or the
sender ends and the message is reaped like any that was under way.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.backlog import Lease
from services.dispatcher.handlers.claiming import Claimer
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.queue.recording import RECORD
from shared import set_aside
from shared.database import Pool
from shared.set_aside import Item, guard

LONGEST_PAUSE_S = 60


class Result(msgspec.Struct, gc=False):
    """What came of a message: an attempt, or its end without one."""

    lease: Lease
    key: bytes  # run and client: results are written in this order
    before: Progress
    entry: Attempt | Rejected


class Failures:
    """The results of one sender that could not be recorded, and how often in succession."""

    def __init__(self, pool: Pool, claimer: Claimer, add: Callable[[Result], None]) -> None:
        self._pool = pool
        self._claimer = claimer
        self._add = add
        self._counts: dict[bytes, int] = {}  # by run and client

    async def set_aside(self, result: Result, error: Exception) -> None:
        """Let a result wait for a pause that doubles; its run is among what is set aside.

        Raises:
            Exception: More fail than can be the fault of results, or the sender must get rid of
                all leases, of which this is one: then it has to end.
        """
        is_known = result.key in self._counts
        if self._claimer.may_hold_unknown_leases or (
            not is_known and len(self._counts) >= set_aside.MOST
        ):
            raise error
        async with guard(self._pool, RECORD, Item(UUID(bytes=result.key[:16]))):
            raise error
        failures = self._counts[result.key] = self._counts.get(result.key, 0) + 1
        pause = min(2 ** (failures - 1), LONGEST_PAUSE_S)
        asyncio.get_running_loop().call_later(pause, self._add, result)

    def recorded(self, results: Sequence[Result]) -> None:
        """Note what is on record; that a run was set aside goes when it finishes."""
        if self._counts:
            for result in results:
                self._counts.pop(result.key, None)
