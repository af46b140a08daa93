"""The sandbox gateway's own books: one line per request, appended and never changed.

A line is in the file before its answer goes out, so a killed gateway forgets nothing it said.
No personal data: a message is known by its key only.
"""

import os
import time
from array import array
from collections import Counter
from enum import StrEnum
from pathlib import Path

import msgspec

from deploy.local.gateway.faults import Decision

_STEP = 1_000  # lines from one known place in the file to the next


class Entry(msgspec.Struct, frozen=True):
    """A line."""

    number: int
    at_ms: int  # since 1970, by the machine's clock
    key: str
    decision: str  # one of those that the sandbox knows
    is_accepted: bool  # whether this request made the gateway take the message


class Page(msgspec.Struct, frozen=True):
    """Some lines, and after which number to go on; None: these were the last."""

    items: list[Entry]
    next_after: int | None


class Summary(msgspec.Struct, frozen=True):
    """The lines, counted."""

    requests: int
    accepted: int  # times that a message was taken
    accepted_distinct: int  # messages that were taken
    repeated: int
    by_decision: dict[str, int]


_ENTRY = msgspec.json.Decoder(Entry)


class Ledger:
    """Reads back what the file holds, then appends; keys and counts are in memory, lines not.

    Raises:
        OSError: the file can't be read or written.
        msgspec.DecodeError: it is not a ledger.
    """

    def __init__(self, path: Path, decisions: type[StrEnum] = Decision) -> None:
        self._decisions = decisions
        self.taken: dict[bytes, int] = {}  # number of the request that a message was taken with
        self._by_decision: Counter[str] = Counter()
        self._requests = self._accepted = 0
        self._places = array("Q")  # where lines 1, 1 + _STEP, … start
        self._lines: list[bytes] = []
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = self._read_back()

    def record(self, key: bytes, decision: str, *, is_accepted: bool) -> int:
        """Note what became of a request, for the next `flush`; return its number."""
        number = self._requests + 1
        line = b'{"number":%d,"at_ms":%d,"key":"%b","decision":"%b","is_accepted":%b}\n' % (
            number,
            time.time_ns() // 1_000_000,
            key,
            decision.encode(),
            b"true" if is_accepted else b"false",
        )
        self._count(key, decision, len(line), is_accepted=is_accepted)
        self._lines.append(line)
        return number

    def flush(self) -> None:
        """Put everything recorded into the file.

        Raises:
            OSError: it could not be written whole; no answer may go out.
        """
        rest = memoryview(b"".join(self._lines))
        self._lines.clear()
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def summary(self) -> Summary:
        """Count the lines."""
        return Summary(
            self._requests,
            self._accepted,
            len(self.taken),
            self._by_decision[Decision.REPEATED],
            {each.value: self._by_decision[each] for each in self._decisions},
        )

    def page(self, after: int, limit: int) -> Page:
        """Read up to `limit` lines after the one with this number."""
        self.flush()
        if after >= self._requests:
            return Page([], None)
        with self._path.open("rb") as file:
            file.seek(self._places[after // _STEP])
            for _ in range(after % _STEP):
                file.readline()
            count = min(limit, self._requests - after)
            items = [_ENTRY.decode(file.readline()) for _ in range(count)]
        last = after + count
        return Page(items, last if last < self._requests else None)

    def close(self) -> None:
        """Write what is left."""
        self.flush()
        os.close(self._file)

    def _count(self, key: bytes, decision: str, size: int, *, is_accepted: bool) -> None:
        if self._requests % _STEP == 0:
            self._places.append(self._size)
        self._size += size
        self._requests += 1
        self._by_decision[decision] += 1
        if is_accepted:
            self._accepted += 1
            self.taken.setdefault(key, self._requests)

    def _read_back(self) -> int:
        self._size = 0
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):  # torn by a kill: its answer never went out
                    os.ftruncate(self._file, self._size)
                    break
                entry = _ENTRY.decode(line)
                key = entry.key.encode()
                self._count(key, entry.decision, len(line), is_accepted=entry.is_accepted)
        return self._size
