"""Admission: how many requests are answered at once; the others wait their turn."""

import asyncio

from shared.errors import Overloaded


class Admission:
    """Admits `at_once` requests, in the order in which they came, each within `wait_s`.

    Each of them takes a bounded number of connections to the database, so requests leave some of
    the pool to the loops of the service, however many come. The others are refused.
    """

    def __init__(
        self, at_once: int, wait_s: float, refusal: type[Overloaded] = Overloaded
    ) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._wait_s = wait_s
        self._refusal = refusal

    async def __aenter__(self) -> None:
        """Wait for a turn.

        Raises:
            Overloaded: None came in time; of the kind that was given.
        """
        try:
            async with asyncio.timeout(self._wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise self._refusal from None

    async def __aexit__(self, *_: object) -> None:
        """Release the turn for the next."""
        self._turns.release()
