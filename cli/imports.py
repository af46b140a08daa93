"""The commands about imports: what became of each file, row by rejected row."""

from pathlib import Path
from typing import Annotated, TypeAlias
from uuid import UUID

import typer
from rich.console import Group, RenderableType

from cli import Output, read_id
from cli.api import Api, run
from cli.clients import import_table
from cli.export import export_rejections
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, note, show

ImportId: TypeAlias = Annotated[
    UUID, typer.Argument(parser=read_id, metavar="IMPORT", help="As `list` shows it.")
]

app = typer.Typer(help="Imports: what became of each file.", no_args_is_help=True)


@app.command("list")
def list_imports(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List imports, the newest first."""
    found = run(lambda api: api.items("catalog", "/v1/imports", {}, limit))
    listing = Listing("import_id", "imports", found)
    counters = ("rows", "created", "changed", "unchanged", "rejected")
    columns = ("import_id", "status", "file", "started", *counters)
    rows = (
        [
            each["import_id"],
            f"{each['status']}{' (dry run)' if each.get('dry_run') else ''}",
            each.get("file_name"),
            instant(each["started_at"]),
            *(each[name] for name in counters),
        ]
        for each in listing.items
    )
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("show")
def show_import(
    import_id: ImportId,
    rejections: Annotated[int, typer.Option(min=0, help="How many rejected rows to show.")] = 100,
    output: Format = Output.TABLE,
) -> None:
    """Show one import and the rows that were rejected."""

    async def work(api: Api) -> tuple[Json, list[Json]]:
        path = f"/v1/imports/{import_id}"
        view = await api.get("catalog", path)
        if not view["rejected"]:
            return view, []
        return view, (await api.items("catalog", f"{path}/rejections", {}, rejections))[0]

    view, shown = run(work)
    show(output, {**view, "rejections": shown}, lambda: _import_table(view, shown))


@app.command("rejections")
def export_rejected_rows(
    import_id: ImportId,
    path: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else standard output.")
    ] = None,
) -> None:
    """Write the rejected rows as the file had them, with the reason: to be mended and imported."""
    size = run(lambda api: export_rejections(api, import_id, path))
    if path is not None:
        note(f"{path} is complete: {size:,} bytes.")


@app.command("cancel")
def cancel_import(import_id: ImportId) -> None:
    """Cancel an import that runs: the rows that are in stay in."""
    view = run(lambda api: api.post("catalog", f"/v1/imports/{import_id}/cancel"))
    note(f"Import {view['import_id']} is {view['status']} after {view['rows']:,} rows.")


def _import_table(view: Json, rejections: list[Json]) -> RenderableType:
    about = facts([
        ("import_id", view["import_id"]),
        ("status", view["status"]),
        ("file", view.get("file_name")),
        ("dry run", view.get("dry_run")),
        ("format", view.get("format")),
        ("charset", view.get("charset")),
        ("ignored columns", view.get("ignored_columns")),
        ("reason", view["failure_reason"]),
        ("started", instant(view["started_at"])),
        ("ended", instant(view["ended_at"])),
    ])  # fmt: skip
    return Group(about, "", import_table(view, rejections))
