"""The import: clients from a file, streamed over HTTP as any user would."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import asyncpg

from bench.processes import Meter
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure
from cli.generate import COLUMNS, clients, csv_pieces
from cli.upload import Kind, import_file

KNOWN_WITHIN_S = 600.0
SEARCHABLE_WITHIN_S = 1_800.0  # words follow with a quarter of a core


@dataclass(frozen=True)
class Imported:
    """How fast clients came in; the services that copy them were at work beside it."""

    rows: int
    seconds: float  # from the first byte to the answer
    rate_per_s: float
    known_after_s: float  # from the first byte until the dispatcher had its copy of all
    searchable_after_s: float  # from the first byte until all were among the words
    rss_mb: dict[str, float]  # the most of each service, until the copy
    cpu_us_per_row: dict[str, float]  # of everything that runs, until then
    machine: dict[str, float]  # shares of all cores: idle, and busy elsewhere


async def import_clients(rig: Rig) -> Imported:
    """Import as many clients as there will be messages; return when the dispatcher has them all.

    Raises:
        Failure: A row was rejected, or some never came.
    """
    path = rig.home.data / "clients.csv"
    write = _write_with_emails if rig.setup.is_mail else _write
    await asyncio.to_thread(write, path, rig.messages)
    meter = rig.meter()
    rig.toggle_profile("catalog")
    with path.open("rb") as file:
        begun = perf_counter()
        view = await import_file(rig.api, file, Kind.CSV, lambda _: meter.sample())
        seconds = perf_counter() - begun
    rig.toggle_profile("catalog")
    if view["created"] != rig.messages:
        raise Failure(f"Not every row became a client: {view}")
    await until_known(rig, rig.messages, meter)
    known_after_s = perf_counter() - begun
    cpu_us, machine = meter.cpu_us_per(rig.messages), meter.machine()
    await until_searchable(rig)
    searchable_after_s = perf_counter() - begun
    await _vacuum(rig)
    return Imported(
        rows=rig.messages,
        seconds=round(seconds, 3),
        rate_per_s=round(rig.messages / seconds, 1),
        known_after_s=round(known_after_s, 3),
        searchable_after_s=round(searchable_after_s, 3),
        rss_mb=rig.of_services(meter.rss_mb()),
        cpu_us_per_row=cpu_us,
        machine=machine,
    )


async def until_known(rig: Rig, clients: int, meter: Meter | None = None) -> None:
    """Wait for the dispatcher's copy of so many clients.

    Raises:
        Failure: Some never came.
    """
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:

        async def is_known() -> bool:
            if meter is not None:
                meter.sample()
            return bool(await db.fetchval("SELECT count(*) FROM clients") == clients)

        await wait_for(is_known, "the dispatcher's copy of all clients", KNOWN_WITHIN_S, 0.25)
    finally:
        await db.close()


async def until_searchable(rig: Rig) -> None:
    """Wait until all clients are among the words by which they are found.

    Raises:
        Failure: Some never were.
    """
    db = await asyncpg.connect(rig.stack.env["CATALOG_DATABASE_URL"])
    try:

        async def is_searchable() -> bool:
            return not await db.fetchval("SELECT EXISTS (SELECT FROM client_changes)")

        await wait_for(is_searchable, "the words of all clients", SEARCHABLE_WITHIN_S, 0.25)
    finally:
        await db.close()


async def _vacuum(rig: Rig) -> None:
    """Do now what autovacuum would do within a minute, in the middle of what is measured next."""
    for service in ("CATALOG", "DISPATCHER"):
        db = await asyncpg.connect(rig.stack.env[f"{service}_DATABASE_URL"])
        try:
            await db.execute("VACUUM (ANALYZE)")
        finally:
            await db.close()


def _write(path: Path, count: int) -> None:
    with path.open("wb") as file:
        file.writelines(csv_pieces(count))


def _write_with_emails(path: Path, count: int) -> None:
    """Write clients of whom each has an e-mail."""
    with path.open("w") as file:
        file.write(f"{','.join(COLUMNS)}\n")
        for phone, code, tags, zone, email, *rest in clients(count):
            address = email or f"client.{phone}@mail.example"
            file.write(f"{','.join((phone, code, tags, zone, address, *rest))}\n")
