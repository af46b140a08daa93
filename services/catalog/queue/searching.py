"""Clients that have changed since they were put among the words, and the words themselves.

A trigger on the clients notes which ones, with a row for all of a statement; the worker puts them
among the words some seconds later, so that no import waits for an index of words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, text

from services.catalog.domain.search import marks_of, next_segments, words_of
from services.catalog.tables import client_changes, imports
from shared import database
from shared.database import Connection

LOCK = 7_206_949  # an arbitrary number that means "words of clients"; advisory, until the commit
CHANGES = 2  # rows of changes at a time; an import writes one for each of its chunks
ALL, TAG, CODE = "all", "tag", "code"  # kinds of counters

TAKE_TURN = text("SELECT pg_try_advisory_xact_lock(:lock)")
TAKE_OUT = """
    DELETE FROM client_search WHERE client_id = ANY(CAST($1 AS uuid[]))
    RETURNING client_id, segment, tags, operator_code
"""
SELECT_NOW = """
    SELECT client_id, version, created_at, tags, operator_code, full_name, email, phone
    FROM clients WHERE client_id = ANY(CAST($1 AS uuid[])) ORDER BY created_at, client_id
"""
SELECT_LAST_SEGMENT = text("""
    SELECT segment, count(*) FROM client_search
    WHERE segment > 0 AND segment = (SELECT max(segment) FROM client_search) GROUP BY segment
""")
INSERT_WORDS = """
    INSERT INTO client_search (client_id, version, created_at, tags, operator_code, words, segment)
    SELECT client_id, version, created_at, CAST(tags AS text[]), operator_code,
        array_to_tsvector(CAST(words AS text[])), segment
    FROM unnest(
        CAST($1 AS uuid[]), CAST($2 AS int[]), CAST($3 AS timestamptz[]), CAST($4 AS text[]),
        CAST($5 AS text[]), CAST($6 AS text[]), CAST($7 AS int[])
    ) AS added (client_id, version, created_at, tags, operator_code, words, segment)
"""
ADD_COUNTS = text("""
    INSERT INTO client_facets (kind, value, count)
    SELECT * FROM unnest(
        CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:counts AS bigint[])
    )
    ON CONFLICT (kind, value) DO UPDATE SET count = client_facets.count + excluded.count
""")


@dataclass(frozen=True, slots=True)
class Followed:
    """What was put among the words: how many clients, and whether an import goes on."""

    clients: int
    is_importing: bool


NOTHING = Followed(0, is_importing=False)


async def follow_changes(db: Connection) -> Followed:
    """Put some clients that have changed among the words; one process at a time does."""
    if not await db.scalar(TAKE_TURN, {"lock": LOCK}):
        return NOTHING
    first = select(client_changes.c.change_id).order_by(client_changes.c.change_id).limit(CHANGES)
    taken = delete(client_changes).where(client_changes.c.change_id.in_(first))
    noted = await db.scalars(taken.returning(client_changes.c.client_ids))
    changed = list({each for ids in noted for each in ids})
    if not changed:
        return NOTHING
    old = await database.fetch(db, TAKE_OUT, changed)
    now = await database.fetch(db, SELECT_NOW, changed)
    await _insert_words(db, now, await _segments(db, old, now))
    await _add_counts(db, old, now)
    running = select(imports.c.import_id).where(imports.c.status == "running").limit(1)
    return Followed(len(changed), await db.scalar(running) is not None)


async def _segments(db: Connection, old: Sequence[Any], now: Sequence[Any]) -> list[int]:
    """Return the segment of each client: its own one, or the last one until that is full."""
    own = {row["client_id"]: row["segment"] for row in old if row["segment"]}
    last = (await db.execute(SELECT_LAST_SEGMENT)).one_or_none()
    number, size = (1, 0) if last is None else (last[0], last[1])
    added = iter(next_segments(number, size, sum(row["client_id"] not in own for row in now)))
    return [own.get(row["client_id"]) or next(added) for row in now]


async def _insert_words(db: Connection, rows: Sequence[Any], segments: Sequence[int]) -> None:
    if not rows:
        return
    words = [
        array([*words_of(full_name, email, phone), *marks_of(tags, operator_code)])
        for _, _, _, tags, operator_code, full_name, email, phone in rows
    ]
    client_ids, versions, instants, tags_of, codes, *_ = zip(*rows, strict=True)
    tags = [array(each) for each in tags_of]
    values = (client_ids, versions, instants, tags, codes, words, segments)
    await database.fetch(db, INSERT_WORDS, *values)


async def _add_counts(db: Connection, before: Sequence[Any], now: Sequence[Any]) -> None:
    """Add the difference that some clients make to how many have each tag and code."""
    counts = _counted(now)
    counts.subtract(_counted(before))
    changed = sorted((kind, value, count) for (kind, value), count in counts.items() if count)
    if changed:
        kinds, values, numbers = zip(*changed, strict=True)
        parameters = {"kinds": list(kinds), "values": list(values), "counts": list(numbers)}
        await db.execute(ADD_COUNTS, parameters)


def _counted(rows: Sequence[Any]) -> "Counter[tuple[str, str]]":
    counts: Counter[tuple[str, str]] = Counter()
    counts[ALL, ""] = len(rows)
    counts.update((CODE, row["operator_code"]) for row in rows if row["operator_code"])
    counts.update((TAG, tag) for row in rows for tag in row["tags"])
    return counts


def array(texts: Sequence[str]) -> str:
    """Write texts as PostgreSQL reads an array: arrays in an array don't nest."""
    if not texts:
        return "{}"
    escaped = (each.replace("\\", "\\\\").replace('"', '\\"') for each in texts)
    return '{"' + '","'.join(escaped) + '"}'
