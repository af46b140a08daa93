"""An SMTP reply: a code and its lines, read from bytes that may be anything."""

import re

import msgspec

LINE_LIMIT = 4_096  # bytes; RFC 5321 §4.5.3.1.5 has 512, servers with long texts write more
REPLY_LIMIT = 65_536  # bytes of all lines

_DONE, _WANTS_MORE = 2, 3  # the first digit of a code; RFC 5321 §4.2.1

# The usual: a whole reply of one line.
_WHOLE = re.compile(rb"([2-5][0-9]{2}) ([^\r\n]{0,512})\r\n")
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A whole reply."""

    code: int
    lines: tuple[bytes, ...]  # without the code

    @property
    def kind(self) -> int:
        """Return the code's first digit, which says whether it worked."""
        return self.code // 100

    @property
    def is_done(self) -> bool:
        """Return whether what was asked for is done."""
        return self.code // 100 == _DONE

    @property
    def wants_more(self) -> bool:
        """Return whether the rest of what was asked for is to be sent now."""
        return self.code // 100 == _WANTS_MORE

    @property
    def text(self) -> bytes:
        """Return all lines as one."""
        return b" ".join(self.lines)


class Malformed(Exception):
    """What came is no reply: its argument is a slug that says why."""


class Replies:
    """Takes bytes as they come and gives the replies that are whole."""

    __slots__ = ("_lines", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []  # of a reply that has begun, with their code
        self._size = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing of a reply has come that is not whole."""
        return not self._rest and not self._lines

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes.

        Raises:
            Malformed: It is no reply of SMTP, or longer than any.
        """
        if self.is_empty and (whole := _WHOLE.fullmatch(data)):
            return [Reply(int(whole[1]), (whole[2],))]
        *lines, self._rest = (self._rest + data if self._rest else data).split(b"\n")
        if len(self._rest) > LINE_LIMIT:
            raise Malformed("too_large")
        replies = []
        for line in lines:
            reply = self._add(line)
            if reply is not None:
                replies.append(reply)
        return replies

    def _add(self, line: bytes) -> Reply | None:
        self._size += len(line)
        if len(line) > LINE_LIMIT or self._size > REPLY_LIMIT:
            raise Malformed("too_large")
        found = _LINE.fullmatch(line.removesuffix(b"\r"))
        if found is None:
            raise Malformed("malformed")
        code, mark, text = found.groups()
        if self._lines and self._lines[0] != code:
            raise Malformed("malformed")  # Source: RFC 5321 §4.2.1, each line has the same code
        if not self._lines:
            self._lines.append(code)
        self._lines.append(text or b"")
        if mark == b"-":
            return None
        reply = Reply(int(code), tuple(self._lines[1:]))
        self._lines, self._size = [], 0
        return reply
