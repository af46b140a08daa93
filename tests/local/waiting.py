"""Waiting for a condition without a loop of events, with a limit."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], within_s: float = 60) -> None:
    """Return once it holds; fail after `within_s`."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it has not come about in time"
        time.sleep(0.01)
