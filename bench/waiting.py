"""The wait: for something that other processes bring about."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from cli import Failure


async def wait_for(
    condition: Callable[[], Awaitable[bool]], what: str, within_s: float, every_s: float
) -> None:
    """Ask at fixed times until the condition is true.

    Raises:
        Failure: It did not come true in time.
    """
    begun = due = monotonic()
    while not await condition():
        now = monotonic()
        if now - begun > within_s:
            raise Failure(f"Waited {within_s:.0f} s for {what}, in vain.")
        due = max(due + every_s, now)
        await asyncio.sleep(due - now)
