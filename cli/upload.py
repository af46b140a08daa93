"""The upload of a file of clients: as it is read, a piece at a time, with its progress."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cli import Exit, Failure
from cli.api import NO_PARAMETERS, Api, Parameters, query
from cli.render import Json, console, note

PIECE_BYTES = 262_144
POLL_INTERVAL_S = 0.25
TRIES = 60  # while the catalog has too many imports; each takes some seconds


class Kind(StrEnum):
    """What a file of clients may be."""

    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"


CONTENT_TYPES = {
    Kind.CSV: "text/csv",
    Kind.NDJSON: "application/x-ndjson",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
BY_CONTENT = "application/octet-stream"
KINDS = {".csv": Kind.CSV, ".ndjson": Kind.NDJSON, ".jsonl": Kind.NDJSON, ".xlsx": Kind.XLSX}


def kind_of(name: str) -> Kind | None:
    """Return what a file is, by its name; None: its content tells, as of what is packed."""
    return KINDS.get(Path(name).suffix.lower())


def size_of(file: BinaryIO) -> int | None:
    """Return the size in bytes; None when only its end will tell."""
    size = os.fstat(file.fileno()).st_size
    return size if file.seekable() else None


async def import_file(
    api: Api,
    file: BinaryIO,
    kind: Kind | None,
    report: Callable[[int], None],
    *,
    parameters: Parameters = NO_PARAMETERS,
    import_id: UUID | None = None,
) -> Json:
    """Import a file as it is read, a piece at a time; `report` gets how many bytes are in.

    It is sent again where the catalog says that it may be, if it can be read again. Who gives
    the import's identifier can go on with it: so that is advised where it has begun.

    Raises:
        Failure: The file was refused as a whole, or the import broke off.
    """
    can_resume, import_id = import_id is not None, import_id or uuid4()
    has_begun = asyncio.Event()

    def reported(done: int) -> None:
        has_begun.set()
        report(done)

    polling = asyncio.create_task(_poll(api, import_id, reported))
    path = f"/v1/imports?{query({'import_id': import_id, **parameters})}"
    try:
        return await _send(api, path, file, CONTENT_TYPES[kind] if kind else BY_CONTENT)
    except Failure as failure:
        if failure.code is Exit.UNAVAILABLE and can_resume and has_begun.is_set():
            more = (
                f"  Then import the same file again with --resume {import_id}: no row comes twice."
            )
            raise Failure(f"{failure}\n{more}", failure.code) from failure
        raise
    except asyncio.CancelledError:  # Ctrl-C
        note(_ended(import_id, can_resume=can_resume), "yellow")
        raise
    finally:
        polling.cancel()
        await asyncio.wait([polling])


def _ended(import_id: UUID, *, can_resume: bool) -> str:
    lines = [
        "The import is ended: the rows that are in stay in, the others are not read.",
        f"  `./mailings imports show {import_id}` shows how far it came",
    ]
    if can_resume:
        lines[1] += f"; the same file again with --resume {import_id} goes on with the rest"
    return "\n".join(lines) + "."


async def pieces_of(file: BinaryIO) -> AsyncIterator[bytes]:
    """Yield a file as it is read."""
    while piece := file.read(PIECE_BYTES):
        yield piece


async def _send(api: Api, path: str, file: BinaryIO, content_type: str) -> Json:
    """Send a file, again and again while the service says when it may be repeated.

    Raises:
        Failure: It was refused otherwise, too often, or cannot be read again.
    """
    begin = file.tell() if file.seekable() else None
    for _ in range(TRIES - 1):
        try:
            return await api.upload("catalog", path, pieces_of(file), content_type)
        except Failure as failure:
            pause_s = failure.retry_after_s
            if begin is None or pause_s is None:
                raise
            reason = str(failure).partition("\n")[0]
            note(f"{reason} The file is sent again in {pause_s} s.", "yellow")
            await asyncio.sleep(pause_s)
            file.seek(begin)
    return await api.upload("catalog", path, pieces_of(file), content_type)


async def _poll(api: Api, import_id: UUID, report: Callable[[int], None]) -> None:
    """Ask how far an import is, until cancelled: what went out may still be on its way."""
    while True:
        with suppress(Failure):  # it may not have begun; if it has failed, it says so itself
            report((await api.get("catalog", f"/v1/imports/{import_id}"))["bytes"])
        await asyncio.sleep(POLL_INTERVAL_S)


@contextmanager
def upload_bar(title: str, size_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Show how much of a file is in, on a terminal."""
    screen = console(to_stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task(title, total=size_bytes)
        yield lambda done: bar.update(task, completed=done)
        done = bar.tasks[0].completed if size_bytes is None else size_bytes
        bar.update(task, total=done, completed=done)  # whatever was seen last: all of it is in
