"""Exports into a file: of a run, of clients, of rejected rows; all of it, or no file."""

import asyncio
import csv
import json
import os
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO
from uuid import UUID

from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from cli import Exit, Failure
from cli.api import Api, Parameters
from cli.render import Json, console, printable

TRIES, PAUSE_S = 10, 1.0  # of an export that breaks off, each behind what arrived


class ExportFormat(StrEnum):
    """What an export is written as."""

    NDJSON = "ndjson"
    CSV = "csv"


def format_of(path: Path | None) -> ExportFormat:
    """Return what a file is to be, by its name; where there is none, it is NDJSON."""
    is_csv = path is not None and path.suffix.lower() == ".csv"
    return ExportFormat.CSV if is_csv else ExportFormat.NDJSON


async def export_run(
    api: Api, run_id: UUID, wanted: ExportFormat, path: Path | None, status: str | None = None
) -> int:
    """Write the messages of a run to a file, or to standard output; return how many bytes.

    Raises:
        Failure: It was refused, it broke off, or the file is there already or cannot be written.
    """
    # A message may have several lines of CSV, of which the last may be missing: it goes not on.
    lines = _Lines(wanted, _client_of if wanted is ExportFormat.NDJSON else _nowhere, "after")
    source = f"/v1/runs/{run_id}/export"
    try:
        return await _export(api, ("dispatcher", source), {"status": status}, lines, path)
    except Failure as failure:
        raise await _why(api, run_id, failure, path) from failure


async def export_clients(
    api: Api, asked: Parameters, wanted: ExportFormat, path: Path | None
) -> int:
    """Write clients to a file, or to standard output; return how many bytes.

    Raises:
        Failure: It was refused, it broke off again and again, or the file cannot be written.
    """
    lines = _Lines(wanted, _place_of_client)
    return await _export(api, ("catalog", "/v1/clients/export"), asked, lines, path)


async def export_suppressions(
    api: Api, asked: Parameters, wanted: ExportFormat, path: Path | None
) -> int:
    """Write suppressions to a file, or to standard output; return how many bytes.

    Raises:
        Failure: It was refused, it broke off again and again, or the file cannot be written.
    """
    lines = _Lines(wanted, _place_of_suppression)
    return await _export(api, ("catalog", "/v1/suppressions/export"), asked, lines, path)


async def _export(
    api: Api, source: tuple[str, str], asked: Parameters, lines: "_Lines", path: Path | None
) -> int:
    """Write an export; what breaks off goes on behind the last whole line, if it can.

    Raises:
        Failure: It was refused, it broke off again and again, or the file cannot be written.
    """
    with _target(path) as file, _bar() as report:
        for left in reversed(range(TRIES)):
            parameters = {**asked, "format": lines.format, lines.parameter: lines.cursor}
            try:
                async with api.download(*source, parameters) as pieces:
                    async for piece in pieces:
                        file.write(lines.whole(piece))
                        report(lines.size)
                file.write(lines.rest())
                break
            except Failure as failure:
                if failure.code is not Exit.UNAVAILABLE or not (left and lines.cursor):
                    raise
                lines.drop_part()
                await asyncio.sleep(PAUSE_S)
        return lines.size


def _client_of(line: Json) -> str:
    return str(line["client_id"])


def _nowhere(_: Json) -> None:
    return None


def _place_of_client(line: Json) -> str:
    return _cursor(f"{line['created_at']},{line['client_id']}")


def _place_of_suppression(line: Json) -> str:
    subject = line["subject"].removeprefix("'")  # in CSV, where it looks like a formula
    return _cursor(f"{line['since']},{subject},{line['topic'] or ''}")


def _cursor(place: str) -> str:
    """Return a cursor. Source: the descriptions of the catalog's exports."""
    return urlsafe_b64encode(place.encode()).decode()


class _Lines:
    """Cuts an export into whole lines, and knows behind which one it goes on."""

    def __init__(
        self,
        wanted: ExportFormat,
        cursor_of: Callable[[Json], str | None],
        parameter: str = "cursor",
    ) -> None:
        self.format, self.parameter = wanted, parameter
        self._is_csv, self._cursor_of = wanted is ExportFormat.CSV, cursor_of
        self._columns: list[str] = []
        self._part = b""
        self.size = 0
        self.cursor: str | None = None

    def whole(self, piece: bytes) -> bytes:
        """Return what is whole now: of CSV a line ends where no quotes are open."""
        data = self._part + piece
        end = self._end(data)
        lines, self._part = data[:end], data[end:]
        self.size += len(lines)
        if lines:
            self._note(lines)
        return lines

    def rest(self) -> bytes:
        """Return what has come behind the last whole line: there is no more."""
        self.size += len(self._part)
        return self._part

    def drop_part(self) -> None:
        """Forget a line that broke off."""
        self._part = b""

    def _end(self, data: bytes) -> int:
        """Return where the last whole line ends."""
        if not self._is_csv:
            return data.rfind(b"\n") + 1
        end, at, quotes = 0, 0, 0
        while (found := data.find(b"\r\n", at)) >= 0:
            quotes += data.count(b'"', at, found)
            at = found + 2
            if quotes % 2 == 0:
                end = at
        return end

    def _note(self, lines: bytes) -> None:
        """Note the cursor of the last line."""
        text = lines.decode("utf-8-sig")
        if not self._is_csv:
            self.cursor = self._cursor_of(json.loads(text.splitlines()[-1]))
            return
        rows = list(csv.reader(StringIO(text, newline="")))
        if not self._columns:
            self._columns = rows.pop(0)
        if rows:
            self.cursor = self._cursor_of(dict(zip(self._columns, rows[-1], strict=True)))


async def export_rejections(api: Api, import_id: UUID, path: Path | None) -> int:
    """Write the rejected rows of an import as the file had them; return how many bytes.

    Raises:
        Failure: It was refused, it broke off, or the file cannot be written.
    """
    source = f"/v1/imports/{import_id}/rejections/export"
    with _target(path) as file, _bar() as report:
        async with api.download("catalog", source, {"format": ExportFormat.CSV}) as pieces:
            return await _copy(pieces, file, report)


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
