"""The requests, read strictly.

What a request declares about its body is obeyed or refused: type, charset, encoding. Limits count
what is unpacked. A field that comes twice is a mistake that would otherwise go unnoticed.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from email.message import Message
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.errors import FieldError, Invalid, pointer
from shared.unpacking import NotGzip, gunzip

BODY_LIMIT_BYTES = 1_048_576  # of a request that is not an import; the log takes less than that
BODY_WITHIN_S = 30.0  # the same; a second a kilobyte on the worst of lines
PIECE_WITHIN_S = 120.0  # of a stream, whose length is unknown
JSON = re.compile(r"application/(.+\+)?json")
PATCHES = ("application/merge-patch+json", "application/json")
CHARSETS = ("utf-8", "utf8", "us-ascii")  # ASCII is UTF-8
GZIP = ("gzip", "x-gzip")  # Source: RFC 9110 §8.4.1.3
PLACED = 20  # of the fields that stand twice get a pointer, which may be long; all are counted

NOT_GZIP = FieldError("", "content_encoding", "it is not valid gzip")


class StrictRequest(Request):
    """A request whose body must be what its headers declare."""

    _parsed: Any = None

    @property
    def charset(self) -> str | None:
        """The charset that the headers declare."""
        described = Message()
        described["content-type"] = self.headers.get("content-type", "")
        declared = described.get_param("charset")
        return str(declared).strip("'").lower() if declared else None

    def check_headers(self, *, is_stream: bool = False) -> None:
        """Refuse a charset or an encoding that would not be obeyed; who streams may obey others.

        Raises:
            HTTPException: With the status 415.
        """
        if not is_stream and (self.charset or CHARSETS[0]) not in CHARSETS:
            raise HTTPException(415, "the charset must be utf-8")
        if self._encoding not in ("", "identity", *GZIP):
            headers = {"Accept-Encoding": "gzip, identity"}
            raise HTTPException(415, "Content-Encoding must be gzip or identity", headers)

    @property
    def _encoding(self) -> str:
        return ",".join(self.headers.getlist("content-encoding")).strip().lower()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body piece by piece, unpacked.

        Raises:
            Invalid: It is not gzip, though the headers declare it.
            ClientDisconnect: The client is gone, or as good as that.
        """
        packed = _in_time(super().stream())
        pieces = gunzip(packed) if self._encoding in GZIP else packed
        try:
            async for piece in pieces:
                yield piece
        except NotGzip:
            raise Invalid(NOT_GZIP) from None

    async def body(self) -> bytes:
        """Return the body, which is small: only streams may be large.

        Raises:
            HTTPException: It is too large, or takes too long.
        """
        if not hasattr(self, "_body"):
            try:
                async with asyncio.timeout(BODY_WITHIN_S):
                    self._body = await self._read()
            except TimeoutError:
                raise HTTPException(408, f"a body within {BODY_WITHIN_S:.0f} s") from None
        return self._body

    async def _read(self) -> bytes:
        pieces, size = [], 0
        async for piece in self.stream():
            size += len(piece)
            _check_size(size)
            pieces.append(piece)
        return b"".join(pieces)

    async def read_json(self) -> None:
        """Read the body, if there is one.

        Raises:
            Invalid: It is no JSON, or names a field twice.
            HTTPException: It is too large, or declared to be something else.
        """
        _check_size(int(self.headers.get("content-length", "0")))
        body = await self.body()
        if not body:
            return
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.method == "PATCH" and kind not in PATCHES:
            headers = {"Accept-Patch": ", ".join(PATCHES)}
            raise HTTPException(415, f"Content-Type must be {' or '.join(PATCHES)}", headers)
        if not JSON.fullmatch(kind):
            raise HTTPException(415, "Content-Type must be application/json")
        try:
            self._parsed, twice = _parse(body.decode())
        except UnicodeError as error:
            raise Invalid(FieldError("", "not_utf8", "it is not valid UTF-8")) from error
        except (ValueError, RecursionError) as error:
            raise Invalid(FieldError("", "json_invalid", "it is not valid JSON")) from error
        if twice:
            raise Invalid(*twice)

    async def json(self) -> Any:  # noqa: ANN401 - whatever JSON there is
        """Return what `read_json` has read."""
        return self._parsed


async def _in_time(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces; a client that sends nothing for long counts as disconnected."""
    while True:
        try:
            async with asyncio.timeout(PIECE_WITHIN_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ClientDisconnect from None
        yield piece


class _FieldTwice(Exception):
    """An object names a field twice; a second parse finds out which one."""


class _Fields(list[tuple[str, Any]]):
    """The fields of an object as they stand, each as often as it does."""


def _parse(text: str) -> tuple[Any, list[FieldError]]:
    """Return the parsed JSON, and which fields stand twice in it.

    Raises:
        ValueError: It is no JSON; `UnicodeError`: with half of a surrogate pair.
        RecursionError: It goes too deep.
    """
    twice: list[FieldError] = []
    try:
        parsed = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except _FieldTwice:
        parsed = json.loads(text, object_pairs_hook=_Fields, parse_constant=_no_number)
        twice = [
            FieldError(
                pointer(*path) if number < PLACED else "", "duplicate_field", "it stands twice"
            )
            for number, path in enumerate(_twice(parsed, ()))
        ]
    json.dumps(parsed, ensure_ascii=False).encode()
    return parsed, twice


def _no_number(name: str) -> float:
    """Refuse NaN and the infinities, which Python takes for numbers and JSON does not have."""
    raise ValueError(name)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _FieldTwice
    return fields


def _twice(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each field below `path` that stands twice, from the outside in."""
    if not isinstance(value, list):
        return
    inner: list[tuple[str | int, Any]] = list(enumerate(value))
    if isinstance(value, _Fields):
        inner = [*value]
        counted = Counter(name for name, _ in value)
        yield from ((*path, name) for name, count in counted.items() if count > 1)
    for name, each in inner:
        yield from _twice(each, (*path, name))


def _check_size(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        raise HTTPException(413, f"at most {BODY_LIMIT_BYTES} bytes")
