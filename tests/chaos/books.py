"""The books: reads what is on record, from the files, the tables and the API, as they are."""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import asyncpg

from tests.chaos.evidence import (
    Attempt,
    Evidence,
    Figures,
    Gateway,
    Mailing,
    Message,
    Request,
    Run,
)
from tests.chaos.rig import SANDBOXES, Rig

ROOT = Path(__file__).parents[2]
CURRENT_WITHIN_S = 120.0
NONE_MISSED: Mapping[UUID, int] = MappingProxyType({})

IS_NO_TEST = "run_id NOT IN (SELECT run_id FROM trials)"
RUNS = f"""
    SELECT run_id, mailing_id, gateway, starts_at, ends_at, resent_from, state = 'archived'
    FROM runs WHERE {IS_NO_TEST}
"""
TESTS = "SELECT run_id, client_id FROM trials"
MESSAGES = f"""
    WITH m AS (
        SELECT c.run_id, c.state AS chunk_state, u.client_id
        FROM chunks c CROSS JOIN unnest(c.client_ids) AS u (client_id) WHERE {IS_NO_TEST}
    ), a AS (
        SELECT run_id, client_id, bool_or(outcome = 'accepted') AS ok
        FROM all_attempts WHERE kind <> 'start' GROUP BY run_id, client_id
    )
    SELECT m.run_id, m.client_id, coalesce(e.state, CASE WHEN a.ok THEN 'delivered'
            WHEN m.chunk_state IN ('expired', 'cancelled') THEN m.chunk_state
            ELSE 'planned' END) AS status
    FROM m LEFT JOIN exceptions e ON e.run_id = m.run_id AND e.client_id = m.client_id
    LEFT JOIN a ON a.run_id = m.run_id AND a.client_id = m.client_id
"""
ATTEMPTS = f"""
    SELECT run_id, client_id, attempt, kind, outcome, started_at FROM all_attempts
    WHERE {IS_NO_TEST}
"""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the dispatcher has on record."""

    runs: Sequence[Run] = ()
    messages: Sequence[Message] = ()
    attempts: Sequence[Attempt] = ()
    tests: frozenset[str] = frozenset()  # keys of test sends, which are left out of the rest

    def after(self, before: "Tables") -> "Tables":
        """Return the same with what was there of runs `before` they were archived."""
        archived = {each.run_id for each in self.runs if each.is_archived}
        messages = [each for each in self.messages if each.run_id not in archived]
        messages += [each for each in before.messages if each.run_id in archived]
        attempts = [each for each in self.attempts if each.run_id not in archived]
        attempts += [each for each in before.attempts if each.run_id in archived]
        return Tables(self.runs, messages, attempts, self.tests)


NOTHING = Tables()


async def evidence(
    rig: Rig,
    expected: Mapping[UUID, Mailing],
    seed: int,
    *,
    missed: Mapping[UUID, int] = NONE_MISSED,
    before: Tables = NOTHING,
) -> Evidence:
    """Return what is on record; statistics are taken as what they would be when built anew.

    `before`: of runs that were archived since.
    """
    found = (await tables(rig)).after(before)
    figures = await statistics(rig, found.runs, _planned(found.runs, found.messages))
    return Evidence(
        expected=expected,
        missed=missed,
        gateways=gateways(rig, found.tests),
        runs=found.runs,
        messages=found.messages,
        attempts=found.attempts,
        statistics=figures,
        rebuilt=figures,
        connections=rig.connections,
        seed=seed,
    )


async def rebuilt(rig: Rig, found: Evidence) -> dict[UUID, Figures]:
    """Build statistics anew, and return what they say; nothing if that failed."""
    if not await rebuild(rig):
        return {}
    return await statistics(rig, found.runs, _planned(found.runs, found.messages))


def _planned(runs: Iterable[Run], messages: Iterable[Message]) -> dict[UUID, int]:
    counts = Counter(each.run_id for each in messages)
    return {each.run_id: counts[each.run_id] for each in runs}


def gateways(rig: Rig, tests: Collection[str] = ()) -> dict[str, Gateway]:
    """Read the ledgers of the sandboxes, without what is told apart as `tests`."""

    def requests(name: str) -> list[Request]:
        return [each for each in _requests(rig.ledger(name)) if each.key not in tests]

    return {
        name: Gateway(part, name == "http", requests(name)) for name, part in SANDBOXES.items()
    }


def _requests(path: Path) -> Iterator[Request]:
    with path.open() as lines:
        for line in lines:
            entry = json.loads(line)
            yield Request(entry["at_ms"], sys.intern(entry["key"]), entry["is_accepted"])


async def tables(rig: Rig) -> Tables:
    """Read the dispatcher's tables."""
    db = await asyncpg.connect(rig.database("dispatcher"))
    # All three as they are at one moment: something may still move.
    moment = db.transaction(isolation="repeatable_read", readonly=True)
    try:
        await moment.start()
        # Rows come by the thousand: there are as many attempts as messages, and more.
        runs = [
            Run(
                _own(row[0]),
                _own(row[1]),
                row[2],
                _ms(row[3]),
                _ms(row[4]),
                resent_from=None if row[5] is None else _own(row[5]),
                is_archived=row[6],
            )
            for row in await db.fetch(RUNS)
        ]
        messages = [
            Message(_own(row[0]), _own(row[1]), row[2]) for row in await db.fetch(MESSAGES)
        ]
        attempts = [
            Attempt(_own(row[0]), _own(row[1]), row[2], row[3], row[4], _ms(row[5]))
            for row in await db.fetch(ATTEMPTS)
        ]
        tests = [Message(_own(row[0]), _own(row[1]), "").key for row in await db.fetch(TESTS)]
    finally:
        await db.close()
    return Tables(runs, messages, attempts, frozenset(tests))


def _own(value: Any) -> UUID:
    return UUID(int=value.int)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


async def statistics(
    rig: Rig, runs: Iterable[Run], planned: Mapping[UUID, int]
) -> dict[UUID, Figures]:
    """Ask statistics for each run, when they have all that was planned in final states."""
    end = time.monotonic() + CURRENT_WITHIN_S
    found: dict[UUID, Figures] = {}
    for run in runs:
        while True:
            try:
                answer = await rig.ask("stats", "GET", f"/v1/runs/{run.run_id}")
            except TimeoutError:
                break
            counts = {name: n for name, n in answer["by_status"].items() if n}
            found[run.run_id] = Figures(counts, answer["attempts"])
            is_whole = answer["is_finished"] and sum(counts.values()) == planned[run.run_id]
            if is_whole or time.monotonic() > end:
                break
            await asyncio.sleep(0.5)
    return found


async def rebuild(rig: Rig) -> bool:
    """Build statistics anew from the log."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.stats", "rebuild"),
        env={**os.environ, **rig.stack.env},
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(240):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
