"""What a file is, by its first bytes; and what is no list of clients at all."""

from collections.abc import AsyncIterator
from enum import StrEnum

from services.catalog.domain.imports import ImportRefused
from shared.errors import FieldError

HEAD_BYTES = 64


class Kind(StrEnum):
    """What a file may be."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    GZIP = "gzip"
    ZIP = "zip"


ANYTHING = "application/octet-stream"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a request may say; what says little, or as browsers on Windows do the wrong thing, is looked
# at. What is packed is found whatever is declared.
TYPES: dict[str, Kind | None] = {
    "text/csv": Kind.CSV,
    "text/tab-separated-values": Kind.CSV,
    "text/plain": None,
    "application/x-ndjson": Kind.NDJSON,
    "application/jsonl": Kind.NDJSON,
    XLSX: Kind.XLSX,
    "application/vnd.ms-excel": None,
    "application/gzip": Kind.GZIP,
    "application/x-gzip": Kind.GZIP,
    "application/zip": Kind.ZIP,
    "application/x-zip-compressed": Kind.ZIP,
    ANYTHING: None,
}
PACKED = ((b"\x1f\x8b", Kind.GZIP), (b"PK\x03\x04", Kind.ZIP), (b"PK\x05\x06", Kind.ZIP))
# Source: each format's own description of its first bytes.
OTHERS = (
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"RIFF", "a picture or a sound (RIFF)"),
    (b"%PDF-", "a PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a file of old Excel (XLS); save it as XLSX or CSV"),
    (b"{\\rtf", "a text of a word processor (RTF)"),
    (b"Rar!\x1a\x07", "packed by RAR; pack it by ZIP or gzip"),
    (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip; pack it by ZIP or gzip"),
    (b"\xfd7zXZ\x00", "packed by xz; pack it by ZIP or gzip"),
    (b"BZh", "packed by bzip2; pack it by ZIP or gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd; pack it by ZIP or gzip"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3\x00", "a database (SQLite)"),
    (b"PAR1", "a table in Parquet"),
)
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<table")


async def peek(pieces: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return the first bytes, at least `size` if there are so many, and all of them to be read."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= size:
            break

    async def whole() -> AsyncIterator[bytes]:
        yield head
        async for piece in pieces:
            yield piece

    return head, whole()


def kind_of(head: bytes, declared: Kind | None) -> Kind:
    """Return what a file is that begins with `head`, and that was `declared` to be something.

    Raises:
        ImportRefused: It is something else.
    """
    for mark, kind in PACKED:
        if head.startswith(mark):
            return kind
    for mark, what in OTHERS:
        if head.startswith(mark):
            raise ImportRefused(FieldError("", "not_a_list", f"the file is {what}"))
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.lower().startswith(MARKUP):
        raise ImportRefused(FieldError("", "not_a_list", "the file is a page (HTML or XML)"))
    if declared in (Kind.GZIP, Kind.ZIP, Kind.XLSX):
        raise ImportRefused(FieldError("", "not_a_list", f"the file is not {declared.upper()}"))
    if declared is None:
        return Kind.NDJSON if begin.startswith(b"{") else Kind.CSV
    return declared
