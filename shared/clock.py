"""The clocks: one that only grows, and the shape of the one that business goes by.

Business time is the database's, plus an offset: see `shared.database`.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], Awaitable[datetime]]  # business time, in UTC
Monotonic: TypeAlias = Callable[[], float]  # seconds; leases and deadlines are measured on it


def monotonic() -> float:
    """Return seconds that only grow, whatever happens to the time of day."""
    return time.monotonic()
