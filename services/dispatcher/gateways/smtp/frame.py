"""Frames: the first and last lines that neighboring texts share, made ready for the wire once.

All mails of a run are alike but for some values. What two of them have in common is encoded for
all that follow; of each, what lies between is encoded and joined to it. Pure.
"""

from collections.abc import Callable

import msgspec

from services.dispatcher.gateways.smtp.lines import can_go_as_they_are, dotted, raw_lines

_WORTH = 256  # characters; below, it is quicker to encode all
_LONGEST_PAUSE = 1_024  # texts, between two attempts to learn a frame where none lasts


class Lines(msgspec.Struct, frozen=True, gc=False):
    """Lines as they go over the wire, in pieces: a long text is joined once, to its mail."""

    pieces: tuple[bytes, ...]
    is_ascii: bool


class _Frame(msgspec.Struct, frozen=True, gc=False):
    head: str  # whole lines
    tail: str  # what follows the end of a line, and that end itself before it
    raw_head: bytes
    raw_tail: bytes
    is_ascii: bool

    def lines_of(self, text: str) -> Lines | None:
        """Return a text's lines; None: it has another frame, or cannot go as it is."""
        start, end = len(self.head), len(text) - len(self.tail) + 1
        if end < start or not (text.startswith(self.head) and text.endswith(self.tail)):
            return None
        middle = text[start:end]
        raw = middle.encode("utf-8", "replace")
        if "\r" in middle or not can_go_as_they_are(raw):
            return None
        pieces = (self.raw_head, dotted(raw), self.raw_tail)
        return Lines(pieces, self.is_ascii and raw.isascii())


class Framer:
    """Encodes one text after the other; what neighbors share is encoded once."""

    def __init__(self) -> None:
        self._before = ""
        self._frame: _Frame | None = None
        self._pause = self._left = 0  # texts until the next attempt to learn a frame

    def lines_of(self, text: str) -> Lines | None:
        """Return a text's lines; None: they cannot go as they are."""
        if self._frame is not None:
            found = self._frame.lines_of(text)
            if found is not None:
                self._pause = self._left = 0
                return found
        self._learn(text)
        raw = raw_lines(text)
        return Lines((dotted(raw),), raw.isascii()) if can_go_as_they_are(raw) else None

    def _learn(self, text: str) -> None:
        before, self._before = self._before, text
        if self._left:
            self._left -= 1
            return
        self._frame = _frame_of(before, text)
        # Where neighbors have nothing in common, as when runs take turns, it is tried more seldom.
        self._left = self._pause
        self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE)


def _frame_of(one: str, other: str) -> _Frame | None:
    most = min(len(one), len(other))
    if most < _WORTH or "\r" in other:
        return None
    size = _longest(most, lambda n: one.startswith(other[:n]))
    head = other[: other.rfind("\n", 0, size) + 1]
    rest = min(most - len(head) + 1, most)  # the end of the head's last line may serve both
    size = _longest(rest, lambda n: one.endswith(other[len(other) - n :]))
    start = other.find("\n", len(other) - size)
    tail = other[start:] if start >= 0 else ""
    raw_head, raw_tail = raw_lines(head), raw_lines(tail[1:])
    is_worth_it = tail and len(head) + len(tail) >= _WORTH
    if not (is_worth_it and can_go_as_they_are(raw_head) and can_go_as_they_are(raw_tail)):
        return None
    is_ascii = raw_head.isascii() and raw_tail.isascii()
    return _Frame(head, tail, dotted(raw_head), dotted(raw_tail), is_ascii)


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` for which it holds; it holds for all below it."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        if holds(middle):
            low = middle
        else:
            most = middle - 1
    return low
