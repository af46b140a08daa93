"""What files are packed in: gzip as it streams; a ZIP with one file, and XLSX, behind its end."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from tempfile import TemporaryFile
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from services.catalog.domain.imports import ImportRefused, ImportTooLarge
from shared.errors import FieldError
from shared.unpacking import NotGzip, gunzip

PIECE_BYTES = 65_536
# A ZIP has its list of contents at its end, so it is kept until then, where services may write:
# in /tmp, where there may be 64 MB, for two at once. A million clients in XLSX are some 30 MB.
ZIP_LIMIT_BYTES = 31_000_000
NOT_ZIP = FieldError("", "zip", "the file is no valid ZIP, or was cut off")
NOT_GZIP = FieldError("", "gzip", "the file is no valid gzip, or was cut off")
LOCKED = FieldError("", "zip", "the file in the ZIP is locked by a password")
BOOK = "xl/workbook.xml"


async def of_gzip(packed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what is packed.

    Raises:
        ImportRefused: It is no gzip.
    """
    try:
        async for piece in gunzip(packed):
            yield piece
    except NotGzip:
        raise ImportRefused(NOT_GZIP) from None


async def stored(pieces: AsyncIterator[bytes]) -> IO[bytes]:
    """Return a file that has all of `pieces`; it has no name, and goes when it is closed.

    Raises:
        ImportTooLarge: It is larger than may be kept.
    """
    file = TemporaryFile()  # noqa: SIM115 - whoever asked for it closes it
    size = 0
    try:
        async for piece in pieces:
            size += len(piece)
            _check_room(size)
            await asyncio.to_thread(file.write, piece)
    except BaseException:  # a file that is open is closed, whatever it is
        file.close()
        raise
    return file


def _check_room(size: int) -> None:
    if size > ZIP_LIMIT_BYTES:
        detail = f"a ZIP or XLSX of more than {ZIP_LIMIT_BYTES} bytes; gzip may be larger"
        raise ImportTooLarge(FieldError("", "too_large", detail, (ZIP_LIMIT_BYTES,)))


def zip_in(file: IO[bytes]) -> ZipFile:
    """Return the ZIP in a file.

    Raises:
        ImportRefused: There is none.
    """
    try:
        return ZipFile(file)
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        raise ImportRefused(NOT_ZIP) from None


def is_book(archive: ZipFile) -> bool:
    """Return whether a ZIP is a workbook."""
    return BOOK in archive.namelist()


def only_file(archive: ZipFile) -> ZipInfo:
    """Return the only file of a ZIP; what the Finder adds is none.

    Raises:
        ImportRefused: There are none, several, or it is locked.
    """
    files = [
        each
        for each in archive.infolist()
        if not each.is_dir()
        and not each.filename.startswith("__MACOSX/")
        and not each.filename.endswith(".DS_Store")
    ]
    if len(files) != 1:
        detail = f"the ZIP has {len(files)} files; it must have one"
        raise ImportRefused(FieldError("", "zip", detail))
    if files[0].flag_bits & 0x1:
        raise ImportRefused(LOCKED)
    return files[0]


async def of_zip(archive: ZipFile, which: ZipInfo) -> AsyncIterator[bytes]:
    """Yield a file of a ZIP.

    Raises:
        ImportRefused: It is damaged, or packed in a way that is not known.
    """
    try:
        with archive.open(which) as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece
    except (BadZipFile, NotImplementedError, EOFError, OSError, zlib.error):
        raise ImportRefused(NOT_ZIP) from None
