"""A loop: what a service does again and again until it ends."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from shared.errors import Unavailable

log = structlog.get_logger()

# How long a loop waits after something it needs was away: twice as long each time, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Patience:
    """How long to wait before the next try: longer with each failure, as said in the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pause = FIRST_PAUSE
        self._failures = 0

    async def wait(self, reason: BaseException) -> None:
        """Wait; say so at the first failure of a row, and then each time it has doubled."""
        self._failures += 1
        if self._failures & (self._failures - 1) == 0:
            cause = reason.__cause__ or reason
            log.warning(
                "loop.waiting", loop=self._name, failures=self._failures, reason=_words(cause)
            )
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def succeeded(self) -> None:
        """Begin anew; say so if there was a failure."""
        if self._failures:
            log.info("loop.resumed", loop=self._name, failures=self._failures)
        self._pause, self._failures = FIRST_PAUSE, 0


def collect_rarely() -> None:
    """Look for cycles less often: batches make many objects, and hardly a cycle among them.

    With Python's defaults, an import spent a third of its time on the search.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def forever(name: str, step: Callable[[], Awaitable[bool]], *, every: timedelta) -> None:
    """Repeat `step` until cancelled: at once if it found something to do, else after `every`.

    What it needs may be away; then it waits and goes on. Any other error is a bug and ends the
    process, so that it is seen.
    """
    patience, pause = Patience(name), every.total_seconds()
    while True:
        try:
            found = await step()
        except Unavailable as error:
            await patience.wait(error)
            continue
        patience.succeeded()
        await asyncio.sleep(0 if found else pause)


def _words(error: BaseException) -> str:
    """Return what kind of error it is; its text only where no row can be in it."""
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror or error}"[:200]
    return type(error).__name__
