"""The broadcast: the same bytes for everybody who watches, made once.

A watcher remembers the number of the frame that it got last. Who is slow skips to what is current:
each frame has the whole state of what changed, so a later one stands for those before it.
"""

import asyncio
import random
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from shared import telemetry
from shared.alarm import Alarm
from shared.errors import Overloaded

KEPT = 256  # frames, two minutes at the fastest, for those who come again
LARGEST_MISSED = 256 * 1024  # bytes: who has missed more gets everything, which all share
RETRY_MS = (1_000, 5_000)  # each waits another time, or all would come at once
RETRY_AFTER_S = 30
SLOWEST_S = 30.0  # who takes longer to take a frame is gone


class TooManyWatchers(Overloaded):
    """As many watch as can be served; ask for the figures from time to time instead."""

    retry_after_s = RETRY_AFTER_S


@dataclass
class Broadcast:
    """Frames for watchers; `snapshot` returns the state of everything, as one frame."""

    largest: int  # watchers
    largest_of_address: int
    alarm: Alarm = field(default_factory=Alarm)  # rings when somebody begins to watch
    snapshot: Callable[[], bytes] | None = None  # None: not known yet
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))  # of this process
    generation: int = 0
    number: int = 0  # of the newest frame
    is_closing: bool = False
    watchers: int = 0
    _of_address: Counter[str] = field(default_factory=Counter)
    _kept: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _next: asyncio.Event = field(default_factory=asyncio.Event)
    _sending: set[asyncio.Timeout] = field(default_factory=set)

    def admit(self, address: str) -> None:
        """Check whether another may watch from this address.

        Raises:
            TooManyWatchers: There are too many, or too many of this address.
        """
        is_full = self.watchers >= self.largest
        if is_full or self.is_closing or self._of_address[address] >= self.largest_of_address:
            raise TooManyWatchers

    @contextmanager
    def watching(self, address: str) -> Iterator[None]:
        """Count a watcher for as long as the block lasts."""
        self.watchers += 1
        self._of_address[address] += 1
        self._measure()
        self.alarm.ring()
        try:
            yield
        finally:
            self.watchers -= 1
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]
            self._measure()

    def send(self, kind: str, data: bytes) -> None:
        """Send a frame to all who watch."""
        self.number += 1
        self._kept.append((self.number, self.frame(kind, data)))
        telemetry.count("stats.live.frames", 1)
        self._wake()

    def restart(self, generation: int) -> None:
        """Let everybody get a snapshot next: what was sent before is another story."""
        self.generation = generation
        self._kept.clear()
        self.number += 1
        self._wake()

    def frame(self, kind: str, data: bytes) -> bytes:
        """Return a frame with the current number. Source: WHATWG HTML, server-sent events."""
        name = f"event: {kind}\nid: {self.generation}.{self.epoch}.{self.number}\ndata: "
        return name.encode() + data + b"\n\n"

    def first(self, last_id: str | None) -> tuple[int, bytes]:
        """Return what a watcher gets first, and the number up to which that is.

        Who comes again with the identifier of a frame that is kept gets those behind it.
        """
        retry = f"retry: {random.randint(*RETRY_MS)}\n\n".encode()  # noqa: S311 - no secret
        number = self._number_of(last_id)
        missed = None if number is None else self._after(number)
        if missed is None:
            missed = self.snapshot() if self.snapshot else b": the figures are being read\n\n"
        return self.number, retry + missed

    async def after(self, number: int) -> tuple[int, bytes]:
        """Wait for what is behind a frame; return it, and the number up to which it is."""
        while self.number == number and not self.is_closing:
            await self._next.wait()
        newest = self._kept[-1] if self._kept else (0, b"")
        if newest[0] == self.number == number + 1:
            return newest  # the very bytes that all others get
        behind = self._after(number)
        if behind is None:
            behind = self.snapshot() if self.snapshot else b""
        return self.number, behind

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """End the block when it takes too long, and at once when the process ends.

        Raises:
            TimeoutError: It was ended.
        """
        async with asyncio.timeout(SLOWEST_S) as limit:
            self._sending.add(limit)
            try:
                yield
            finally:
                self._sending.discard(limit)

    def close(self) -> None:
        """Let every stream end now."""
        self.is_closing = True
        now = asyncio.get_running_loop().time()
        for each in self._sending:
            each.reschedule(now)
        self._wake()

    def _after(self, number: int) -> bytes | None:
        """Return the frames behind one; None if some of them are not kept any more."""
        if number == self.number:
            return b""
        if not self._kept or self._kept[0][0] > number + 1 or number > self.number:
            return None
        missed = [frame for each, frame in self._kept if each > number]
        return b"".join(missed) if sum(map(len, missed)) <= LARGEST_MISSED else None

    def _number_of(self, last_id: str | None) -> int | None:
        generation, _, rest = (last_id or "").partition(".")
        epoch, _, number = rest.partition(".")
        is_ours = generation == str(self.generation) and epoch == self.epoch
        return int(number) if is_ours and number.isascii() and number.isdecimal() else None

    def _wake(self) -> None:
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    def _measure(self) -> None:
        telemetry.measure("stats.live.watchers", self.watchers)
