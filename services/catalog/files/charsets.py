"""Charsets: a text in whatever it is written in, out as UTF-8.

What is not named is found out: by a byte order mark, by the zeros of UTF-16, and by the first
characters that are not ASCII, whose bytes are kept until some of them are there.
"""

import codecs
import re
from collections.abc import AsyncIterator
from typing import cast

from services.catalog.domain.imports import ImportRefused
from shared.errors import FieldError

HEAD_BYTES = 256  # in them, or in the first line, UTF-16 without a mark has zeros
SAMPLE_BYTES = 65_536  # of a text with other characters than ASCII
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UNREADABLE = "\udcff"  # becomes a byte that UTF-8 never has: so its row is rejected, as any such
codecs.register_error(
    "unreadable", lambda error: (UNREADABLE, cast("UnicodeDecodeError", error).end)
)
NAMES = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "windows-1251": "windows-1251",
    "cp1251": "windows-1251",
    "ibm866": "ibm866",
    "cp866": "ibm866",
    "koi8-r": "koi8-r",
    "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
    "iso-8859-1": "iso-8859-1",
}
# Source: Unicode §3.9, table 3-7, but for what is rarely met.
SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
ONLY_1251 = bytes([*range(0xC0, 0xE0), *range(0xF0, 0x100)])  # letters; frames in cp866
ONLY_866 = bytes(range(0x80, 0xB0))  # letters; in windows-1251 mostly signs


class Charset:
    """Turns a text into UTF-8; its name is known once there are other characters than ASCII."""

    def __init__(self, named: str | None = None) -> None:
        self.name = None if named is None else NAMES[named.lower()]
        self._decoder: codecs.IncrementalDecoder | None = None
        self._held = b""
        self._begins = True

    async def in_utf8(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the text in UTF-8, without a mark before it."""
        async for piece in pieces:
            if self.name == "utf-8" and not self._begins:
                yield piece
            elif text := self._feed(piece, is_last=False):
                yield text
        yield self._feed(b"", is_last=True)

    def _feed(self, piece: bytes, *, is_last: bool) -> bytes:
        data = self._held + piece
        self._held = b""
        if self._begins:
            if len(data) < HEAD_BYTES and not is_last:
                self._held = data
                return b""
            data, self._begins = self._begin(data), False
        if self.name is None and not data.isascii():
            if len(data) < SAMPLE_BYTES and not is_last:
                self._held = data
                return b""
            self._choose(_guess(data))
        if self._decoder is None:
            return data
        text = self._decoder.decode(data, is_last)
        return text.encode("utf-8", "surrogateescape")

    def _begin(self, data: bytes) -> bytes:
        """Choose by what stands at the beginning; return the rest."""
        for mark, name in MARKS:
            if data.startswith(mark) and self.name in (None, name, "utf-16"):
                self._choose(name)
                return data[len(mark) :]
        if self.name is None:
            self._choose(_by_zeros(data[:HEAD_BYTES]))
        elif self.name == "utf-16":
            self._choose(_by_zeros(data[:HEAD_BYTES]) or "utf-16-le")
        else:
            self._choose(self.name)
        return data

    def _choose(self, name: str | None) -> None:
        self.name = name
        if name not in (None, "utf-8"):
            self._decoder = codecs.getincrementaldecoder(name)("unreadable")


def _by_zeros(head: bytes) -> str | None:
    """Return which UTF-16 it is; None if it is not: read so, it would have strange letters."""
    if 0 not in head:
        return None
    for name in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) & ~1].decode(name, "replace")
        if all("\t" <= each < "\u0530" or "\u2000" <= each < "\u2300" for each in text):
            return name
    return None


def _guess(data: bytes) -> str:
    """Return the likeliest charset of a text that is not ASCII.

    UTF-8 if more of it is well-formed than not: then what is not is damage. Of the two that have
    one byte a letter, each has some letters where the other has none.
    """
    rest, sequences = SEQUENCE.subn(b"", data)
    if sequences >= len(rest.translate(None, bytes(range(128)))):
        return "utf-8"
    others = len(data)
    in_1251 = others - len(data.translate(None, ONLY_1251))
    in_866 = others - len(data.translate(None, ONLY_866))
    return "ibm866" if in_866 > in_1251 else "windows-1251"


def check_charset(name: str) -> None:
    """Refuse a charset that is not known.

    Raises:
        ImportRefused: It is not.
    """
    if name.lower() not in NAMES:
        raise ImportRefused(FieldError("/charset", "charset", f"one of {', '.join(NAMES)}"))
