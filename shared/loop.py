"""A loop: what a service does again and again until it ends."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from shared import liveness
from shared.database_errors import NotMigrated
from shared.errors import Unavailable
from shared.masking import masked

log = structlog.get_logger()

# How long a loop waits after something it needs was away: twice as long each time, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Backoff:
    """Waits before the next try, longer after each failure, and logs that."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pause = FIRST_PAUSE
        self._failures = 0

    async def wait(self, reason: BaseException) -> None:
        """Wait; log the first failure in succession, and each time their number has doubled."""
        self._failures += 1
        if self._failures & (self._failures - 1) == 0:
            cause = reason.__cause__ or reason
            log.warning(
                "loop.waiting", loop=self.name, failures=self._failures, reason=describe(cause)
            )
        liveness.beat()
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def succeeded(self) -> None:
        """Begin again with the shortest pause; log it after a failure."""
        if self._failures:
            log.info("loop.resumed", loop=self.name, failures=self._failures)
        self._pause, self._failures = FIRST_PAUSE, 0


def collect_garbage_rarely() -> None:
    """Make the search for reference cycles rare: batches make many objects, hardly a cycle.

    With Python's defaults, an import spent a third of its time on the search.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def goes_on() -> bool:
    """Return that the loop which asks goes on, unless its task was cancelled meanwhile.

    Before Python 3.12 `asyncio.wait_for` swallows a cancellation that comes in the moment of an
    answer, and drivers wait by it: a loop that does not ask would never end. Source: CPython,
    bpo-42130.

    Raises:
        CancelledError: It was.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return True


async def forever(
    name: str,
    step: Callable[[], Awaitable[bool]],
    *,
    every: timedelta,
    rest: Callable[[float], Awaitable[object]] | None = None,
) -> None:
    """Repeat `step` until cancelled: at once if it found something to do, else after `every`.

    `rest` sleeps instead, not for longer. When something that the step needs is away, it waits and
    goes on. Any other error ends the process, so that it is noticed; so does a step that hangs.
    """
    backoff, pause = Backoff(name), every.total_seconds()
    with liveness.running(name) as own:
        while goes_on():
            own.beat()
            try:
                found = await step()
            except Unavailable as error:
                await backoff.wait(error)
                continue
            backoff.succeeded()
            if found:
                await asyncio.sleep(0)
                continue
            with liveness.waiting(pause):
                await (rest or asyncio.sleep)(pause)


def describe(error: BaseException) -> str:
    """Return the kind of an error; its text only where no value of a row can be in it."""
    if isinstance(error, OSError):
        return masked(f"{type(error).__name__}: {error.strerror or error}")
    if isinstance(error, NotMigrated):
        return f"{error}; `python -m shared.migrate` makes it"
    return type(error).__name__
