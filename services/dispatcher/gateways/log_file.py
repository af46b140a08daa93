"""The file of a log gateway: lines are appended to it, and it is replaced when it is large.

Any number of processes may write the same file: whoever replaces it holds its lock, and so does
whoever writes a file that may be replaced. What they have open stays the file that it was.
"""

import fcntl
import os
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from shared import ids

_READABLE_BY_OWNER = 0o600  # phones and texts are in it


class Rotation(NamedTuple):
    """When a file is replaced, and how many of those before it are kept: `PATH.1` and so on."""

    max_bytes: int
    keep: int


class LogFile:
    """Appends lines, in a thread of its caller's, one call at a time."""

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        self._path = path
        self._rotation = rotation
        self._is_torn = False  # the file may end in half a line

    def append(self, lines: Sequence[bytes]) -> int:
        """Append lines; return how many, from the first on, are wholly in the file."""
        done = 0
        with suppress(OSError):
            while done < len(lines):
                wanted, written = self._append_some(lines[done:])
                done += written
                if written < wanted:
                    break
        return done

    def _append_some(self, lines: Sequence[bytes]) -> tuple[int, int]:
        """Append what there is room for; return how many lines that is, and how many are there.

        Raises:
            OSError: The file cannot be opened or locked; nothing was written.
        """
        file = self._open()
        try:
            if self._rotation is not None:
                size = os.fstat(file).st_size
                room = _fitting(lines, self._rotation.max_bytes - size)
                if room or not size:
                    lines = lines[: room or 1]  # one that is too long for any file has its own
                elif self._replace(self._rotation):
                    return 0, 0  # and again, in the next one
            return len(lines), self._write(file, lines)
        finally:
            os.close(file)

    def _open(self) -> int:
        """Return the file, locked if it may be replaced: then it is the one that is there now."""
        while True:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            file = os.open(self._path, flags, _READABLE_BY_OWNER)
            if self._rotation is None:
                return file
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass  # it was moved away just now
            except BaseException:  # a file that is open is closed, whatever it is
                os.close(file)
                raise
            os.close(file)

    def _replace(self, rotation: Rotation) -> bool:
        """Move the file away, whose lock is held; return whether that could be done."""
        names = [Path(f"{self._path}.{number}") for number in range(1, rotation.keep + 1)]
        try:
            for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
                with suppress(FileNotFoundError):
                    newer.replace(older)
            self._path.replace(names[0])
        except OSError:
            return False  # it grows on: that is better than to keep messages back
        self._is_torn = False
        return True

    def _write(self, file: int, lines: Sequence[bytes]) -> int:
        start = 1 if self._is_torn else 0  # a line of its own ends the torn one
        rest = memoryview(b"\n" * start + b"".join(lines))
        size = len(rest)
        with suppress(OSError):
            while rest:
                rest = rest[os.write(file, rest) :]
        written = size - len(rest)
        if not written:
            return 0
        end, count = start, 0
        while count < len(lines) and end + len(lines[count]) <= written:
            end += len(lines[count])
            count += 1
        self._is_torn = written > end
        return count


def _fitting(lines: Sequence[bytes], room: int) -> int:
    """Return how many of these lines there is room for."""
    count = 0
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        count += 1
    return count


_ID = re.compile(rb'\{"id":"([\w-]{43})"', re.ASCII)  # that a line begins with


def erase_lines(path: Path, keep: int, client_ids: Collection[UUID]) -> int:
    """Erase what stands in lines about these clients; return how many lines that were.

    Of a line the message's identifier stays, and its length: so those who append need not wait,
    and a file that is moved meanwhile, to a number that comes later, is found there.

    Raises:
        OSError: A file can be neither read nor written.
    """
    files = [path, *(Path(f"{path}.{number}") for number in range(1, keep + 1))]
    return sum(_erase_in(file, client_ids) for file in files)


def _erase_in(path: Path, client_ids: Collection[UUID]) -> int:
    count, at = 0, 0
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return 0
    with file:
        for line in file:
            if (erased := _erased(line, client_ids)) is not None:
                os.pwrite(file.fileno(), erased, at)
                count += 1
            at += len(line)
        if count:
            os.fsync(file.fileno())
    return count


def _erased(line: bytes, client_ids: Collection[UUID]) -> bytes | None:
    """Return a line as it is when it is erased; None if there is nothing to be erased."""
    found = _ID.match(line)
    both = ids.run_and_client(found[1].decode()) if found else None
    if found is None or both is None or both[1] not in client_ids:
        return None
    erased = b'{"id":"%b","erased":true}' % found[1]
    size = len(line) - line.endswith(b"\n")
    if len(erased) > size or line.startswith(erased):
        return None  # half a line, without anything of a person, or done
    return erased.ljust(size)
