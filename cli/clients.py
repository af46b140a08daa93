"""The commands about clients: by the file, and in lists."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID, uuid4

import typer
from rich.console import Group, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.render import Format, Json, console, grid, say, say_more, show

app = typer.Typer(help="Clients: import and list them.", no_args_is_help=True)

PIECE_BYTES = 262_144
LOOK_EVERY_S = 0.25


class Kind(StrEnum):
    """What a file of clients may be."""

    CSV = "csv"
    NDJSON = "ndjson"


CONTENT_TYPES = {Kind.CSV: "text/csv", Kind.NDJSON: "application/x-ndjson"}
KINDS = {".csv": Kind.CSV, ".ndjson": Kind.NDJSON, ".jsonl": Kind.NDJSON}


@app.command("import")
def import_clients(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="CSV or NDJSON; - for standard input.")
    ],
    *,
    kind: Annotated[
        Kind | None, typer.Option("--format", help="What it is, if its name does not say it.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a row was rejected.")
    ] = False,
    rejections: Annotated[
        int, typer.Option(min=0, max=1000, help="How many rejected rows to show.")
    ] = 10,
    output: Format = Output.TABLE,
) -> None:
    """Import clients: each row registers the client with its phone, or changes it.

    A bad row never harms a good one. The same file again changes nothing.
    """
    kind = kind or kind_of(file.name)

    async def work(api: Api) -> tuple[Json, list[Json]]:
        with upload_bar(f"importing {Path(file.name).name}", size_of(file)) as told:
            view = await import_file(api, file, kind, told)
        path = f"/v1/imports/{view['import_id']}/rejections"
        shown = (await api.items("catalog", path, {}, rejections))[0] if view["rejected"] else []
        return view, shown

    view, shown = run(work)
    show(output, {**view, "rejections": shown}, lambda: import_table(view, shown))
    if view["rejected"]:
        say(f"{view['rejected']:,} of {view['rows']:,} rows were rejected.", "yellow")
        raise typer.Exit(Exit.ERROR if strict else Exit.OK)


@app.command("list")
def list_clients(
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    operator_code: Annotated[str | None, typer.Option(help="Such as 916.")] = None,
    phone: Annotated[str | None, typer.Option(help="Such as 79161234567.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    output: Format = Output.TABLE,
) -> None:
    """List clients that have all of what is asked for."""
    having = {"tag": tag, "operator_code": operator_code, "phone": phone}
    found, has_more = run(lambda api: api.items("catalog", "/v1/clients", having, limit))
    columns = ("phone", "operator_code", "full_name", "tags", "time_zone", "email", "client_id")
    show(output, found, lambda: grid(columns, ([each[c] for c in columns] for each in found)))
    say_more(limit, has_more=has_more)


def kind_of(name: str) -> Kind:
    """Return what a file is, by its name.

    Raises:
        typer.BadParameter: The name does not say it.
    """
    kind = KINDS.get(Path(name).suffix.lower())
    if kind is None:
        what = "standard input" if name == "<stdin>" else name
        raise typer.BadParameter(f"say what {what} is: --format csv or --format ndjson")
    return kind


def size_of(file: BinaryIO) -> int | None:
    """Return the size in bytes; None when only its end will tell."""
    size = os.fstat(file.fileno()).st_size
    return size if file.seekable() else None


async def import_file(api: Api, file: BinaryIO, kind: Kind, told: Callable[[int], None]) -> Json:
    """Import a file as it is read, a piece at a time; `told` hears how many bytes are in.

    Raises:
        Failure: The file was refused as a whole, or the import broke off.
    """

    async def pieces() -> AsyncIterator[bytes]:
        while piece := file.read(PIECE_BYTES):
            yield piece

    import_id = uuid4()
    look = asyncio.create_task(_look(api, import_id, told))
    path = f"/v1/imports?import_id={import_id}"
    try:
        return await api.upload("catalog", path, pieces(), CONTENT_TYPES[kind])
    except Failure as failure:
        if failure.code is Exit.UNAVAILABLE:
            more = "  Then import the same file again: what is in already stays as it is."
            raise Failure(f"{failure}\n{more}", failure.code) from failure
        raise
    finally:
        look.cancel()
        await asyncio.wait([look])


async def _look(api: Api, import_id: UUID, told: Callable[[int], None]) -> None:
    """Ask how far an import is, until cancelled: what went out may still be on its way."""
    while True:
        with suppress(Failure):  # it may not have begun; if it has failed, it says so itself
            told((await api.get("catalog", f"/v1/imports/{import_id}"))["bytes"])
        await asyncio.sleep(LOOK_EVERY_S)


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


COUNTERS = ("rows", "created", "changed", "unchanged", "rejected", "bytes")


def import_table(view: Json, rejections: list[Json]) -> RenderableType:
    """Return an import's counters, and the rows that were rejected."""
    counters = grid(COUNTERS, [[view[name] for name in COUNTERS]])
    if not rejections:
        return counters
    rows = ([each["row"], each["column"], each["reason"]] for each in rejections)
    return Group(counters, Text("\nrejected:"), grid(("row", "column", "reason"), rows))
