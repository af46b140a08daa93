"""The export of a run into a file: all of it, or no file."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO
from uuid import UUID

from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli import Exit, Failure
from cli.api import Api
from cli.render import console, printable


class ExportFormat(StrEnum):
    """What an export is written as."""

    NDJSON = "ndjson"
    CSV = "csv"


def format_of(path: Path | None) -> ExportFormat:
    """Return what a file is to be, by its name; where there is none, it is NDJSON."""
    is_csv = path is not None and path.suffix.lower() == ".csv"
    return ExportFormat.CSV if is_csv else ExportFormat.NDJSON


async def export_run(api: Api, run_id: UUID, wanted: ExportFormat, path: Path | None) -> int:
    """Write the messages of a run to a file, or to standard output; return how many bytes.

    Raises:
        Failure: It was refused, it broke off, or the file is there already or cannot be written.
    """
    with _target(path) as file, _bar() as report:
        source = f"/v1/runs/{run_id}/export"
        try:
            async with api.download("dispatcher", source, {"format": wanted}) as pieces:
                return await _copy(pieces, file, report)
        except Failure as failure:
            raise await _why(api, run_id, failure, path) from failure


async def _copy(
    pieces: AsyncIterator[bytes], file: BinaryIO | IO[bytes], report: Callable[[int], None]
) -> int:
    size = 0
    async for piece in pieces:
        file.write(piece)
        size += len(piece)
        report(size)
    return size


async def _why(api: Api, run_id: UUID, failure: Failure, path: Path | None) -> Failure:
    """Return the failure of an export that broke off, with what has become of it."""
    if failure.code is not Exit.UNAVAILABLE:
        return failure
    rest = "  No file was written." if path else "  What was written is not all of it."
    try:
        run = await api.get("dispatcher", f"/v1/runs/{run_id}")
    except Failure:
        return Failure(f"{failure}\n{rest}", failure.code)
    if run.get("state") == "archived":
        gone = "The run was archived meanwhile: its messages are deleted, its figures stay."
        advice = f"  What to do: `./mailings runs show {run_id}` shows them."
        return Failure(f"{gone}\n{rest}\n{advice}", Exit.NOT_FOUND)
    return Failure(f"{failure}\n{rest}", failure.code)


@contextmanager
def _target(path: Path | None) -> Iterator[BinaryIO | IO[bytes]]:
    """Give a file to be written, which has its name only once it is complete.

    Raises:
        Failure: It is there already, or it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists():
        raise _taken(path)
    try:
        part = NamedTemporaryFile(  # noqa: SIM115 - closed below, whatever happens
            dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with part:
            yield part
            part.flush()
            os.fsync(part.fileno())
        _give_name(part.name, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(part.name).unlink(missing_ok=True)


def _give_name(part: str, path: Path) -> None:
    """Let a complete file have its name.

    Raises:
        FileExistsError: Another one has it meanwhile.
        OSError: It cannot be.
    """
    try:
        os.link(part, path)  # unlike a rename it takes no other file's place
    except FileExistsError:
        raise
    except OSError:  # not all file systems have links
        if path.exists():
            raise FileExistsError from None
        Path(part).rename(path)


def _taken(path: Path) -> Failure:
    return Failure(
        f"{printable(str(path))} is there already, and is not overwritten.\n"
        "  What to do: name another file, or move this one away.",
        Exit.CONFLICT,
    )


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure(
        f"{printable(str(path))} cannot be written: {error.strerror or error}.\n"
        "  No file was written. What to do: name another folder, or make room."
    )


@contextmanager
def _bar() -> Iterator[Callable[[int], None]]:
    """Show how much has come, on a terminal."""
    screen = console(to_stderr=True)
    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("export", total=None)
        yield lambda done: bar.update(task, completed=done)
