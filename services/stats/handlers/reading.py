"""Public reads: few at once, on connections of their own, and each answer shared for a second.

However many ask, the database is asked once, and the services' own work never waits for them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.stats.handlers.broadcasting import Broadcast
from shared.database import Pool
from shared.http import Admission

AT_ONCE, WAIT_S = 3, 3.0
CONNECTIONS = AT_ONCE + 1  # one for who looks after those who watch
SHARED_S = 1.0
LARGEST = 512  # answers that are kept


class Shared(NamedTuple):
    """An answer, encoded, with the tag that it is known by."""

    body: bytes
    etag: str


def encoded(answer: Any) -> Shared:  # noqa: ANN401 - whatever becomes JSON
    """Return an answer as it is sent."""
    body = msgspec.json.encode(answer)
    return Shared(body, f'"{blake2b(body, digest_size=9).hexdigest()}"')


@dataclass
class PublicReads:
    """What public reads share: connections, turns, answers, and how fast mailings go."""

    pool: Pool
    broadcast: Broadcast
    shows_names: bool = True
    rates: dict[UUID, float | None] = field(default_factory=dict)  # by whoever watches the figures
    shared_s: float = SHARED_S
    wanted_at: float = 0.0  # when somebody read, by a clock that only grows
    admission: Admission = field(default_factory=lambda: Admission(AT_ONCE, WAIT_S))
    _answers: dict[Hashable, tuple[float, asyncio.Task[Shared]]] = field(default_factory=dict)

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[Shared]]) -> Shared:
        """Return what `read` does, or did for the same key less than a second ago.

        Raises:
            Overloaded: No turn came in time.
            Unavailable: The database cannot be reached.
        """
        now = self.wanted_at = time.monotonic()
        self.broadcast.alarm.ring()
        made_at, task = self._answers.get(key, (0.0, None))
        if task is None or now - made_at >= self.shared_s or _has_failed(task):
            if len(self._answers) >= LARGEST:
                self._answers.clear()
            task = asyncio.create_task(self._read(read))
            self._answers[key] = now, task
        return await asyncio.shield(task)

    async def _read(self, read: Callable[[], Awaitable[Shared]]) -> Shared:
        async with self.admission:
            return await read()


def _has_failed(task: "asyncio.Task[Shared]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
