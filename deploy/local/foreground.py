"""The foreground: a stack that runs until somebody says stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from deploy.local.stack import Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_by_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does: with all that it has started."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


async def run_until_ended(stack: Stack, work: Callable[[Stack], Awaitable[int]]) -> int:
    """Start the stack, do `work` while what dies is started again, stop the stack.

    The first signal (Ctrl-C, SIGTERM, a closed terminal) ends the work and stops everything in
    good order; a second one kills everything at once.

    Returns:
        What `work` returned; 0 when a signal ended it.

    Raises:
        StackError: The stack could not be started.
    """
    loop = asyncio.get_running_loop()
    end_requested = asyncio.Event()
    stopping = asyncio.Event()

    def end_or_kill() -> None:
        if end_requested.is_set() or stopping.is_set():
            stack.kill_all()
        end_requested.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, end_or_kill)
    life = loop.create_task(_start_and_work(stack, work))
    end = loop.create_task(end_requested.wait())
    try:
        await asyncio.wait([life, end], return_when=asyncio.FIRST_COMPLETED)
        return await _result(life)
    finally:
        stopping.set()
        end.cancel()
        await stack.stop()
        for number in SIGNALS:
            loop.remove_signal_handler(number)


async def _start_and_work(stack: Stack, work: Callable[[Stack], Awaitable[int]]) -> int:
    await stack.start()
    watch = asyncio.create_task(stack.watch())
    try:
        return await work(stack)
    finally:
        watch.cancel()
        await asyncio.wait([watch])


async def _result(life: "asyncio.Task[int]") -> int:
    """End the work if it still goes on; return how it ended."""
    life.cancel()  # changes nothing for what is done
    await asyncio.wait([life])
    return 0 if life.cancelled() else life.result()
