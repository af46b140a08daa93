"""The log gateway: messages become lines of a file, for those who want no gateway.

A line is one JSON object `{"id", "phone", "email", "subject", "text"}`. The file is opened for
each batch of lines, so it may be moved away at any time.
"""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done

_AT_ONCE = 1_000  # messages under way; a batch is whatever has gathered meanwhile
_READABLE_BY_OWNER = 0o600  # phones and texts are in it

_WRITTEN = Verdict(Outcome.ACCEPTED, "written")
_NOT_WRITTEN = Verdict(Outcome.NOT_PROCESSED, "write_failed")
_NOT_BEGUN = Verdict(Outcome.NOT_PROCESSED, "timeout")
_CUT_OFF = Verdict(Outcome.NOT_PROCESSED, "cut_off")
_NOT_KNOWN = Verdict(Outcome.UNKNOWN, "timeout")


class _Line(msgspec.Struct, frozen=True):
    id: str
    phone: str | None
    email: str | None
    subject: str | None
    text: str


@dataclass(slots=True, eq=False)
class _Attempt:
    line: bytes
    deadline: float
    done: Done
    is_settled: bool = False


class LogGateway:
    """Appends to a file in a thread: a slow disk stops nothing, a full one burns nothing."""

    channel = Channel(contact=None)
    is_idempotent = False
    resends_unknown = True
    looks_up = False

    def __init__(self, path: Path, *, name: str = "log") -> None:
        self.name = name
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._encode = msgspec.json.Encoder().encode
        self._waiting: list[_Attempt] = []
        self._writing: list[_Attempt] = []
        self._under_way = 0
        self._is_busy = False  # a write is under way or about to begin
        self._is_torn = False  # the file may end in half a line
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._settled = asyncio.Event()

    @property
    def free(self) -> int:
        """How many messages can be started now."""
        return 0 if self._is_closed else _AT_ONCE - self._under_way

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Raises:
            RuntimeError: nothing is `free`.
        """
        if self.free <= 0:
            raise RuntimeError("the log gateway is busy or closed")
        line = _Line(
            message.message_id.decode(),
            message.phone,
            message.email,
            message.subject,
            message.text,
        )
        self._under_way += 1
        self._waiting.append(_Attempt(self._encode(line) + b"\n", deadline, done))
        self._write_soon()
        if self._timer is None or deadline < self._timer.when():
            self._wake_at(deadline)

    async def close(self) -> None:
        """Drop what is not being written yet; wait for the rest, each to its deadline at most."""
        self._is_closed = True
        self._settled.clear()
        waiting, self._waiting = self._waiting, []
        for attempt in waiting:
            self._settle(attempt, _CUT_OFF)
        if self._under_way:
            await self._settled.wait()
        if self._timer is not None:
            self._timer.cancel()

    def _write_soon(self) -> None:
        if self._waiting and not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        now = self._loop.time()
        waiting, self._waiting = self._waiting, []
        self._writing = [attempt for attempt in waiting if attempt.deadline > now]
        if self._writing:
            lines = [attempt.line for attempt in self._writing]
            work = self._loop.run_in_executor(None, _append, self._path, lines, self._is_torn)
            work.add_done_callback(self._written)
        else:
            self._is_busy = False
        for attempt in waiting:
            if attempt.deadline <= now:
                self._settle(attempt, _NOT_BEGUN)

    def _written(self, work: asyncio.Future[tuple[int, bool]]) -> None:
        count, self._is_torn = work.result()
        self._is_busy = False
        writing, self._writing = self._writing, []
        for place, attempt in enumerate(writing):
            self._settle(attempt, _WRITTEN if place < count else _NOT_WRITTEN)
        self._write_soon()

    def _wake_at(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        """End what is late: a disk that hangs may still take what it was given."""
        self._timer = None
        now = self._loop.time()
        waiting, self._waiting = self._waiting, []
        self._waiting = [attempt for attempt in waiting if attempt.deadline > now]
        for attempts, verdict in ((self._writing, _NOT_KNOWN), (waiting, _NOT_BEGUN)):
            for attempt in attempts:
                if attempt.deadline <= now:
                    self._settle(attempt, verdict)
        open_ = [a.deadline for a in (*self._writing, *self._waiting) if not a.is_settled]
        if open_:
            self._wake_at(min(open_))

    def _settle(self, attempt: _Attempt, verdict: Verdict) -> None:
        if attempt.is_settled:
            return
        attempt.is_settled = True
        self._under_way -= 1
        if not self._under_way:
            self._settled.set()
        try:
            attempt.done(verdict)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            context = {"message": "a verdict's receiver failed", "exception": error}
            self._loop.call_exception_handler(context)


def _append(path: Path, lines: list[bytes], is_torn: bool) -> tuple[int, bool]:  # noqa: FBT001
    """Append lines; return how many are wholly in the file, and whether it ends in half a one."""
    start = 1 if is_torn else 0  # a line of its own ends the torn one
    rest = memoryview(b"\n" * start + b"".join(lines))
    size = len(rest)
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _READABLE_BY_OWNER)
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        finally:
            os.close(file)
    written = size - len(rest)
    if not written:
        return 0, is_torn
    end, count = start, 0
    while count < len(lines) and end + len(lines[count]) <= written:
        end += len(lines[count])
        count += 1
    return count, written > end
