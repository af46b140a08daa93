"""The log gateway: messages become lines of a file, for those who want no gateway.

A line is one JSON object `{"id", "phone", "email", "subject", "text"}`. The file is opened for
each batch of lines, so it may be moved away at any time, be it by `log_file`.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.gateways.log_file import LogFile, Rotation

_AT_ONCE = 1_000  # messages under way; a batch is whatever has gathered meanwhile

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
    looks_up = looks_up_by_own_id = False

    def __init__(self, path: Path, *, name: str = "log", rotation: Rotation | None = None) -> None:
        """Without `rotation` the file grows for ever."""
        self.name = name
        self._file = LogFile(path, rotation)
        self._loop = asyncio.get_running_loop()
        self._encode = msgspec.json.Encoder().encode
        self._waiting: list[_Attempt] = []
        self._writing: list[_Attempt] = []
        self._under_way = 0
        self._is_busy = False  # a write is under way or about to begin
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
            work = self._loop.run_in_executor(None, self._file.append, lines)
            work.add_done_callback(self._written)
        else:
            self._is_busy = False
        for attempt in waiting:
            if attempt.deadline <= now:
                self._settle(attempt, _NOT_BEGUN)

    def _written(self, work: asyncio.Future[int]) -> None:
        count = work.result()
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
