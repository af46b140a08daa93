"""The commands about clients: import files, list, show, change and remove."""

from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Failure, Output, read_id
from cli.api import Api, run
from cli.export import ExportFormat, export_clients, format_of
from cli.importing import (
    Charset,
    Columns,
    Delimiter,
    DryRun,
    Empty,
    EmptyOption,
    Keys,
    Mode,
    ModeOption,
    TagsOfRow,
    TagsOption,
    Unknown,
    UnknownOption,
    parameters_of,
)
from cli.phones import EXAMPLES, phone_of, read_phone
from cli.render import (
    Format,
    Json,
    Listing,
    Quiet,
    facts,
    grid,
    instant,
    note,
    printable,
    show,
)
from cli.upload import Kind, import_file, kind_of, size_of, upload_bar

app = typer.Typer(help="Clients: import, list, change and remove them.", no_args_is_help=True)

Client = Annotated[
    str, typer.Argument(metavar="CLIENT", help=f"Identifier, or phone, {EXAMPLES}.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Tags instead of those before.")]
Words = Annotated[
    str | None,
    typer.Argument(
        metavar="[WORDS]", help="Beginnings of words of name, e-mail or phone, or a phone's end."
    ),
]
TagFilter = Annotated[list[str] | None, typer.Option("--tag", help="Only those with these tags.")]
CodeFilter = Annotated[str | None, typer.Option("--operator-code", help="Such as 916.")]
PhoneFilter = Annotated[
    str | None,
    typer.Option("--phone", parser=read_phone, metavar="PHONE", help=f"Written {EXAMPLES}."),
]


@app.command("import")
def import_clients(  # noqa: PLR0913 (options are what can be said of a file)
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(help="CSV, NDJSON or XLSX, in gzip or ZIP too; - for standard input."),
    ],
    *,
    kind: Annotated[
        Kind | None, typer.Option("--format", help="What it is, if its name does not say it.")
    ] = None,
    charset: Charset = None,
    delimiter: Delimiter = None,
    column: Columns = None,
    unknown: UnknownOption = Unknown.REFUSE,
    mode: ModeOption = Mode.UPSERT,
    key: Keys = None,
    tags: TagsOption = TagsOfRow.REPLACE,
    empty: EmptyOption = Empty.CLEAR,
    dry_run: DryRun = False,
    resume: Annotated[
        UUID | None,
        typer.Option(
            parser=read_id, metavar="IMPORT", help="Go on with this one, which broke off."
        ),
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

    A bad row never harms a good one. The same file again changes nothing. Charset, delimiter and
    columns are found out; the names of columns may be in English or in Russian.
    """
    kind = kind or kind_of(file.name)
    parameters = parameters_of(
        file_name=None if file.name == "<stdin>" else Path(file.name).name,
        charset=charset,
        delimiter=delimiter,
        columns=column,
        unknown=unknown,
        mode=mode,
        keys=key,
        tags=tags,
        empty=empty,
        dry_run=dry_run,
    )

    async def work(api: Api) -> tuple[Json, list[Json]]:
        with upload_bar(f"importing {Path(file.name).name}", size_of(file)) as report:
            view = await import_file(
                api, file, kind, report, parameters=parameters, import_id=resume or uuid4()
            )
        path = f"/v1/imports/{view['import_id']}/rejections"
        shown = (await api.items("catalog", path, {}, rejections))[0] if view["rejected"] else []
        return view, shown

    view, shown = run(work)
    show(output, {**view, "rejections": shown}, lambda: import_table(view, shown))
    if dry_run:
        note("Nothing was changed: this is what the import would do.", "yellow")
    if view["rejected"]:
        note(f"{view['rejected']:,} of {view['rows']:,} rows were rejected.", "yellow")
        mended = f"./mailings imports rejections {view['import_id']} --output mend.csv"
        note(f"  `{mended}` writes them to a file, to be mended and imported.", "yellow")
        raise typer.Exit(Exit.ERROR if strict else Exit.OK)


@app.command("list")
def list_clients(  # noqa: PLR0913 (each is a filter)
    *,
    words: Words = None,
    tag: TagFilter = None,
    operator_code: CodeFilter = None,
    phone: PhoneFilter = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List clients that have all of what is asked for, the newest first."""
    having = {"q": words, "tag": tag, "operator_code": operator_code, "phone": phone}
    found = run(lambda api: api.items("catalog", "/v1/clients", having, limit))
    things = "such clients" if any(having.values()) else "clients"
    listing = Listing("client_id", things, found)
    columns = ("phone", "operator_code", "full_name", "tags", "time_zone", "email", "client_id")
    rows = ([each[c] for c in columns] for each in listing.items)
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("export")
def export_all(
    *,
    words: Words = None,
    tag: TagFilter = None,
    operator_code: CodeFilter = None,
    phone: PhoneFilter = None,
    wanted: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Default: by the file's name, else NDJSON."),
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; else standard output.")
    ] = None,
) -> None:
    """Write clients to a file as `import` takes them; it is complete, or not there."""
    having = {"q": words, "tag": tag, "operator_code": operator_code, "phone": phone}
    size = run(lambda api: export_clients(api, having, wanted or format_of(path), path))
    if path is not None:
        note(f"{path} is complete: {size:,} bytes.")


@app.command("show")
def show_client(client: Client, output: Format = Output.TABLE) -> None:
    """Show one client."""
    found = run(lambda api: find_client(api, client))
    show(output, found, lambda: client_table(found))


@app.command("edit")
def edit_client(  # noqa: PLR0913 (options are the fields of a client)
    client: Client,
    *,
    phone: Annotated[
        str | None,
        typer.Option(parser=read_phone, metavar="PHONE", help=f"Written {EXAMPLES}; '' for none."),
    ] = None,
    operator_code: Annotated[str | None, typer.Option(help="Three digits.")] = None,
    tag: Tags = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Remove all tags.")] = False,
    time_zone: Annotated[str | None, typer.Option(help="Such as Europe/Moscow.")] = None,
    email: Annotated[str | None, typer.Option(help="'' for none.")] = None,
    full_name: Annotated[str | None, typer.Option(help="'' for none.")] = None,
    comment: Annotated[str | None, typer.Option(help="'' for none.")] = None,
    output: Format = Output.TABLE,
) -> None:
    """Change a client; what is not named stays as it is."""
    if tag and no_tags:
        raise typer.BadParameter("say either --tag or --no-tags")
    given = {
        "phone": phone,
        "operator_code": operator_code,
        "time_zone": time_zone,
        "email": email,
        "full_name": full_name,
        "comment": comment,
    }
    changes: Json = {name: value or None for name, value in given.items() if value is not None}
    if tag or no_tags:
        changes["tags"] = tag or []
    if not changes:
        raise typer.BadParameter("say what to change, such as --full-name 'Anna Smith'")

    async def work(api: Api) -> Json:
        found = await find_client(api, client)
        return await api.patch("catalog", f"/v1/clients/{found['client_id']}", changes)

    changed = run(work)
    show(output, changed, lambda: client_table(changed))


@app.command("remove")
def remove_client(client: Client) -> None:
    """Remove a client: nothing is sent to it any more, not even what is planned."""

    async def work(api: Api) -> Json:
        found = await find_client(api, client)
        await api.delete("catalog", f"/v1/clients/{found['client_id']}")
        return found

    removed = run(work)
    note(f"Client {removed['client_id']} is removed; what was planned for it is cancelled.")


async def find_client(api: Api, client: str) -> Json:
    """Return a client by its identifier or its phone.

    Raises:
        Failure: There is no such client, or it is neither.
    """
    if phone := phone_of(client):
        found, _ = await api.items("catalog", "/v1/clients", {"phone": phone}, 1)
        if found:
            return found[0]
        message = (
            f"No client has the phone {phone}.\n"
            "  What to do: `./mailings clients list` shows what there is."
        )
        raise Failure(message, Exit.NOT_FOUND)
    return await api.get("catalog", f"/v1/clients/{identifier(client)}")


def identifier(text: str) -> UUID:
    """Return the identifier that was typed.

    Raises:
        Failure: It is neither an identifier nor a phone.
    """
    try:
        return UUID(text)
    except ValueError:
        message = (
            f"{printable(text)!r} is neither a client's identifier nor a phone, {EXAMPLES}.\n"
            "  What to do: `./mailings clients list` shows both."
        )
        raise Failure(message, Exit.USAGE) from None


def client_table(found: Json) -> RenderableType:
    """Return all that is known of a client."""
    names = ("phone", "operator_code", "tags", "time_zone", "email", "full_name", "comment")
    return facts([
        ("client_id", found["client_id"]),
        *((name, found[name]) for name in names),
        ("version", found["version"]),
        ("created", instant(found["created_at"])),
        ("changed", instant(found["changed_at"])),
    ])  # fmt: skip


COUNTERS = ("rows", "created", "changed", "unchanged", "rejected", "bytes")


def import_table(view: Json, rejections: list[Json]) -> RenderableType:
    """Return an import's counters, and the rows that were rejected."""
    counters = grid(COUNTERS, [[view[name] for name in COUNTERS]])
    if not rejections:
        return counters
    columns = ("row", "column", "code", "reason")
    rows = ([each.get(name) for name in columns] for each in rejections)
    return Group(counters, Text("\nrejected:"), grid(columns, rows))
