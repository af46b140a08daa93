"""The alarm: ends the sleep of a loop before its time, because there may be something to do."""

import asyncio
from contextlib import suppress

from shared import liveness


class Alarm:
    """Wakes one loop of this process.

    It may fail to ring: what it is about can happen elsewhere, or be seen too late. So a loop
    sleeps only as long as may pass without it.
    """

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the sleep; if the loop is awake, it will not sleep the next time."""
        self._rung.set()

    async def sleep(self, seconds: float) -> bool:
        """Sleep until the alarm rings, `seconds` at most; return whether it has.

        If it has rung since the last sleep, there is none.
        """
        with liveness.waiting(seconds), suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        has_rung = self._rung.is_set()
        self._rung.clear()
        return has_rung
