"""Lines of a file: pieces of the network in, physical lines out."""

from collections.abc import AsyncIterator

from shared.errors import FieldError

ROW_LIMIT_BYTES = 65_536  # a client with everything takes a tenth of it
TOO_LONG = [
    FieldError("", "row_too_long", f"longer than {ROW_LIMIT_BYTES} bytes", (ROW_LIMIT_BYTES,))
]
BOM = b"\xef\xbb\xbf"  # Source: what spreadsheets put before UTF-8


async def read_lines(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[list[bytes], int, bool]]:
    """Yield whole lines as they arrive, the bytes read so far, and whether these are the last.

    A line keeps its end: LF, CRLF or a CR alone. What is far beyond the limit of a row is cut.
    """
    parts: list[bytes] = []  # of a line whose end has not arrived
    held = size = 0
    is_first = True
    async for piece in body:
        size += len(piece)
        parts.append(piece)
        held += len(piece)
        if b"\n" not in piece and b"\r" not in piece and held <= 2 * ROW_LIMIT_BYTES:
            continue
        lines = b"".join(parts).splitlines(keepends=True)
        rest = _unfinished(lines)
        parts, held = [rest], len(rest)
        if lines and is_first:
            is_first, lines[0] = False, lines[0].removeprefix(BOM)
        yield lines, size, False
    last = b"".join(parts)
    yield (last.removeprefix(BOM) if is_first else last).splitlines(keepends=True), size, True


def _unfinished(lines: list[bytes]) -> bytes:
    """Remove the last of `lines` if more of it may follow, and return what is worth keeping of it.

    A CR at its end stays: a LF may follow, or another line.
    """
    rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    if len(rest) <= ROW_LIMIT_BYTES + 1:
        return rest
    return rest[: ROW_LIMIT_BYTES + 1] + rest[-1:]


def is_too_long(line: bytes) -> bool:
    """Return whether a line is longer than a row may be, its end not counted."""
    return len(line) > ROW_LIMIT_BYTES and len(line.rstrip(b"\r\n")) > ROW_LIMIT_BYTES
