"""The queries: each read is asked many times of half a history, and again of the whole.

One request at a time, each with parameters of its own; of lists every second page is one from deep
inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from statistics import quantiles
from time import perf_counter
from typing import cast

import asyncpg
import httpx

from bench import history
from bench.history import Size
from bench.reads import Parameters, Read, learn, reads_of
from bench.rig import Rig
from cli import Failure
from cli.render import Json, note

TIMES = 100  # that each is asked, and at least FEW if that takes longer than
AT_MOST_S = 3.0
FEW = 5
WARM = 10  # requests before the first that counts
CURSORS = 3  # parameters with which pages are walked through, to find cursors
WALK_S = 0.2  # for each of them
DEEP = 1_000  # items of the pages that are walked through
SEED = 8
RECONCILED_WITHIN_S = 120.0

TABLES = {
    "catalog": ("clients", "mailings", "import_rejections"),
    "scheduler": ("schedules", "runs"),
    "dispatcher": ("runs", "chunks", "blocks", "exceptions", "attempts"),
    "stats": ("runs", "chunks", "blocks", "messages"),
}


@dataclass(frozen=True)
class Latency:
    """How long a read took, in milliseconds, as its caller sees it."""

    times: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Stage:
    """The reads of one history."""

    rows: dict[str, int]  # by service and table
    reads: dict[str, Latency]
    reconciled_s: float  # everything, once
    reconciles: bool


@dataclass(frozen=True)
class Queries:
    """The reads of half a history and of the whole."""

    size: Size
    lost: int  # delivered, but not at the gateway, or there without being delivered
    stages: list[Stage]


async def measure_queries(rig: Rig, size: Size) -> Queries:
    """Make a history through the product, and ask for everything halfway and at its end.

    Raises:
        Failure: It could not be made, or something was not answered.
    """
    note(f"importing {size.clients:,} clients", "dim")
    await history.import_all(rig, size)
    stages: list[Stage] = []
    for first, last in ((0, size.mailings // 2), (size.mailings // 2, size.mailings)):
        await history.send(rig, size, first, last)
        stages.append(await ask_all(rig, size))
    totals = await rig.api.get("stats", "/v1/totals")
    _, distinct = await rig.accepted()
    lost = abs(totals["by_status"]["delivered"] - distinct)
    return Queries(size, lost, stages)


async def ask_all(rig: Rig, size: Size) -> Stage:
    """Ask for everything there is, one after the other.

    Raises:
        Failure: Something was not answered.
    """
    random = Random(SEED)  # noqa: S311 - no secret comes of it
    rows = await _rows(rig.stack.env)
    known = await learn(rig, size)
    reads = {}
    async with httpx.AsyncClient(trust_env=False, timeout=RECONCILED_WITHIN_S) as http:
        asker = _Asker(http, rig.stack.env)
        for read in reads_of(known, random):
            reads[str(read)] = await _latency(asker, read, random)
        everything = Read("stats", "/v1/reconcile", "", dict)
        begun = perf_counter()
        answer = await asker.ask(everything, {})
        seconds = perf_counter() - begun
    return Stage(rows, reads, round(seconds, 3), answer["reconciles"])


@dataclass(frozen=True)
class _Asker:
    http: httpx.AsyncClient
    env: Mapping[str, str]

    async def ask(self, read: Read, parameters: Parameters) -> Json:
        base = self.env[f"{read.service.upper()}_URL"]
        named = {name: value for name, value in parameters.items() if value is not None}
        path = read.path.format(**named)
        query = {n: value for n, value in named.items() if f"{{{n}}}" not in read.path}
        answer = await self.http.get(base + path, params=query)
        if answer.status_code != httpx.codes.OK:
            raise Failure(f"{read}: {answer.status_code} {answer.text}")
        return cast("Json", answer.json())


async def _latency(asker: _Asker, read: Read, random: Random) -> Latency:
    pages = await _cursors(asker, read) if read.is_list else []
    took_ms: list[float] = []
    end = perf_counter() + AT_MOST_S
    while len(took_ms) < WARM + FEW or (len(took_ms) < WARM + TIMES and perf_counter() < end):
        is_deep = pages and len(took_ms) % 2
        parameters = random.choice(pages) if is_deep else read.parameters()
        begun = perf_counter()
        await asker.ask(read, parameters)
        took_ms.append((perf_counter() - begun) * 1e3)
    counted = took_ms[WARM:]
    of_100 = quantiles(counted, n=100, method="inclusive")
    p50, p95, p99 = (round(of_100[percent - 1], 2) for percent in (50, 95, 99))
    return Latency(len(counted), p50, p95, p99)


async def _cursors(asker: _Asker, read: Read) -> list[Parameters]:
    """Return parameters with the cursors that are found by going from page to page."""
    found = []
    for _ in range(CURSORS):
        parameters = read.parameters()
        end = perf_counter() + WALK_S
        while perf_counter() < end:
            page = await asker.ask(read, parameters | {"limit": DEEP})
            if page["next_cursor"] is None:
                break
            parameters = parameters | {"cursor": page["next_cursor"]}
            found.append(parameters)
    return found


async def _rows(env: Mapping[str, str]) -> dict[str, int]:
    """Return how many rows there are, by service and table."""
    rows = {}
    for service, tables in TABLES.items():
        db = await asyncpg.connect(env[f"{service.upper()}_DATABASE_URL"])
        try:
            for table in tables:
                rows[f"{service} {table}"] = await db.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
        finally:
            await db.close()
    return rows
