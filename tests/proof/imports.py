"""The proof of imports: what comes of each file of the corpus, however the network cuts it."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from services.catalog.domain.imports import Chunk, FileRow, ImportRefused
from services.catalog.files import read_rows
from services.catalog.handlers.import_plan import plan_chunk
from services.catalog.queue.import_clients import KnownClients
from tests.proof.files import Row, UglyFile, corpus

PIECES = (1, 7, 4_096, 1 << 20)  # bytes
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def outcome(file: UglyFile, size: int = 1 << 20) -> tuple[Sequence[Row] | str, Any]:
    """Return what comes of a file that arrives in pieces of `size`, and what it is found to be."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(file.data), size):
            yield file.data[at : at + size]

    known, rows, found = KnownClients(), dict[int, Row](), None
    try:
        async for chunk in read_rows(pieces(), file.content_type, options=file.options):
            found = chunk.found
            rows |= _outcomes(chunk, known, file)
    except ImportRefused as refused:
        return refused.field_errors[0].code, found
    return [rows[number] for number in sorted(rows)], found


def _outcomes(chunk: Chunk, known: KnownClients, file: UglyFile) -> dict[int, Row]:
    """Return what each row of a chunk leads to: one by one, as they build on each other."""
    rows: dict[int, Row] = {each.row: each.field_errors[0].code for each in chunk.rejections}
    for row in chunk.rows:
        rows[row.row] = _of_row(row, chunk, known, file)
    return rows


def _of_row(row: FileRow, chunk: Chunk, known: KnownClients, file: UglyFile) -> Row:
    alone = Chunk(
        number=chunk.number, digest=b"", rows=[row], rejections=[], bytes_read=0, lines_read=0
    )
    plan = plan_chunk(alone, known, NOW, file.options)
    if plan.rejections:
        return plan.rejections[0].field_errors[0].code
    if not plan.clients:
        return "same"
    fields = {name: value for name, value in plan.clients[0].profile.as_dict().items() if value}
    if (
        fields.get("operator_code") == fields.get("phone", "")[1:4]
        and "operator_code" not in row.fields
    ):
        del fields["operator_code"]
    return fields


async def differences(file: UglyFile, sizes: Sequence[int] = PIECES) -> list[str]:
    """Return how what comes of a file differs from what must."""
    wrong = []
    for size in sizes:
        if size == 1 and len(file.data) > 10_000:
            continue
        try:
            came, found = await outcome(file, size)
        except Exception as error:  # noqa: BLE001 - a crash is what is looked for
            wrong.append(f"{file.name}, pieces of {size}: {error!r}")
            continue
        if came != file.outcome:
            wrong.append(f"{file.name}, pieces of {size}: {came!r} instead of {file.outcome!r}")
        wrong += [
            f"{file.name}, pieces of {size}: {name} is {getattr(found, name)!r}"
            for name, value in file.found.items()
            if getattr(found, name) != value
        ]
    return wrong


async def prove(say: Callable[[str], None]) -> dict[str, Any]:
    """Read the whole corpus, and compare."""
    files = corpus()
    wrong = [each for file in files for each in await differences(file)]
    for each in wrong:
        say(each)
    return {"files": len(files), "piece_sizes": len(PIECES), "differences": len(wrong)}
