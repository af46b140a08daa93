"""Queries: clients by words, the newest first, and how many there are of what is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text

from services.catalog.domain.search import marks_of, query_of
from shared.database import Connection, sql
from shared.event import Instant
from shared.http import View

Place: TypeAlias = tuple[Instant, UUID]


@dataclass(frozen=True, slots=True)
class Asked:
    """What clients must have, all of it; nothing doesn't restrict."""

    typed: str | None = None
    tags: Sequence[str] = ()
    operator_code: str | None = None
    phone: str | None = None
    client_ids: Sequence[UUID] | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether the clients themselves are named, or have to be looked for by words."""
        return not (self.phone is None and self.client_ids is None and self.typed is None)

    @property
    def query(self) -> str | None:
        """What is asked of the words; None: nothing."""
        phone = [] if self.phone is None else [self.phone]
        return query_of(self.typed, [*marks_of(self.tags, self.operator_code), *phone])


# Clients that are read in their order before the index is asked: cheaper than to collect and sort
# what more of them have.
WINDOW = 8_000
BEFORE = "(s.created_at, s.client_id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))"
# In the newest ones; `last` is where they end, or none: then they are all.
SELECT_NEAR = sql(
    """
    WITH near AS MATERIALIZED (
        SELECT client_id, created_at, words FROM client_search s WHERE {before}
        ORDER BY created_at DESC, client_id DESC LIMIT :window
    )
    SELECT s.client_id, s.created_at FROM near s
    WHERE s.words @@ CAST(:query AS tsquery)
    ORDER BY s.created_at DESC, s.client_id DESC LIMIT :limit
    """,
    before=BEFORE,
)
SELECT_END = sql(
    """
    SELECT created_at, client_id FROM client_search s WHERE {before}
    ORDER BY created_at DESC, client_id DESC OFFSET :window - 1 LIMIT 1
    """,
    before=BEFORE,
)
# Behind them, by the index of words, which knows all that are left: they are few.
SELECT_FAR = sql(
    """
    WITH few AS MATERIALIZED (
        SELECT client_id, created_at FROM client_search
        WHERE words @@ CAST(:query AS tsquery)
    )
    SELECT client_id, created_at FROM few s WHERE {before}
    ORDER BY created_at DESC, client_id DESC LIMIT :limit
    """,
    before=BEFORE,
)


async def found_ids(db: Connection, asked: Asked, *, before: Place, limit: int) -> list[UUID]:
    """Return up to `limit` clients that the words find, the newest first."""
    query = asked.query
    if query is None:
        return []
    values = {"query": query, "limit": limit, "at": before[0], "id": before[1]}
    near = (await db.scalars(SELECT_NEAR, values | {"window": WINDOW})).all()
    if len(near) == limit:
        return list(near)
    end = (
        await db.execute(SELECT_END, {"at": before[0], "id": before[1], "window": WINDOW})
    ).first()
    if end is None:
        return list(near)
    rest = {"at": end.created_at, "id": end.client_id, "limit": limit - len(near)}
    return [*near, *(await db.scalars(SELECT_FAR, values | rest)).all()]


class Facet(View):
    """A tag or an operator code, and how many clients have it."""

    value: str
    count: int


class FacetsView(View):
    """How many clients have what is asked for, and which tags and codes these have.

    As clients were some seconds ago.
    """

    count: int
    is_exact: bool  # otherwise there are more than `count`
    counted: int  # clients whose tags and codes these are
    tags: list[Facet]
    operator_codes: list[Facet]


COUNTED = 10_000  # clients at most, where nothing has counted them before
FACETS = 100  # of each kind, the most frequent ones

SELECT_COUNT = text("SELECT count FROM client_facets WHERE kind = :kind AND value = :value")
SELECT_FACETS = text("""
    SELECT value, count FROM client_facets WHERE kind = :kind AND count > 0
    ORDER BY count DESC, value LIMIT :limit
""")
# Equal counts are sorted by the bytes of their values: to sort thousands of tags by the rules of a
# language takes longer than all the rest.
COUNT_SOME = """
    WITH found AS MATERIALIZED (
        SELECT client_id, tags, operator_code FROM {clients} WHERE {conditions} LIMIT :limit
    )
    SELECT 'all' AS kind, '' AS value, count(*) AS count FROM found
    UNION ALL (
        SELECT 'tag', tag, count(*) AS count FROM found CROSS JOIN unnest(tags) AS tag
        GROUP BY tag ORDER BY count DESC, tag COLLATE "C" LIMIT :facets
    )
    UNION ALL (
        SELECT 'code', operator_code, count(*) AS count FROM found
        WHERE operator_code IS NOT NULL
        GROUP BY operator_code ORDER BY count DESC, operator_code COLLATE "C" LIMIT :facets
    )
"""
HAS_WORDS, IS_NAMED = "words @@ CAST(:query AS tsquery)", "client_id = ANY(CAST(:ids AS uuid[]))"
ALL = "client_search"
NEWEST = """(
    SELECT client_id, tags, operator_code, words FROM client_search
    ORDER BY created_at DESC, client_id DESC LIMIT :window
) AS newest"""
COUNT_FOUND = sql(COUNT_SOME, clients=ALL, conditions=HAS_WORDS)
COUNT_NAMED = sql(COUNT_SOME, clients=ALL, conditions=IS_NAMED)
COUNT_BOTH = sql(COUNT_SOME, clients=ALL, conditions=f"{HAS_WORDS} AND {IS_NAMED}")
COUNT_NEWEST = sql(COUNT_SOME, clients=NEWEST, conditions=HAS_WORDS)
COUNT_SAMPLE = sql(
    "SELECT count(*) FROM {clients} WHERE {conditions}", clients=NEWEST, conditions=HAS_WORDS
)
# The index returns all that have a word, even if only some are counted. What so many of the newest
# clients have is counted in their order instead, which ends where there are enough.
SAMPLE = 1_000
MANY = SAMPLE // 8
ENOUGH = 10 * COUNTED  # of the newest clients; among them are enough, if the others are like them


async def facets(db: Connection, asked: Asked) -> FacetsView:
    """Return how many clients have what is asked for; by what counts them, or up to a number."""
    if asked.query is None and asked.typed:
        return FacetsView(count=0, is_exact=True, counted=0, tags=[], operator_codes=[])
    if asked.query is None and asked.client_ids is None:
        total = await _count(db, "all", "")
        tags, codes = await _facets(db, "tag"), await _facets(db, "code")
        return FacetsView(
            count=total, is_exact=True, counted=total, tags=tags, operator_codes=codes
        )
    rows = await _counted(db, asked)
    counted = next(count for kind, _, count in rows if kind == "all")
    known = await _known_count(db, asked) if counted > COUNTED else counted
    return FacetsView(
        count=counted if known is None else known,
        is_exact=known is not None,
        counted=counted,
        tags=[Facet(value=value, count=count) for kind, value, count in rows if kind == "tag"],
        operator_codes=[
            Facet(value=value, count=count) for kind, value, count in rows if kind == "code"
        ],
    )


async def _counted(db: Connection, asked: Asked) -> list[tuple[str, str, int]]:
    """Return how many clients there are, and of each tag and code: kind, value and count."""
    query, ids = asked.query, asked.client_ids
    values = {"limit": COUNTED + 1, "facets": FACETS}
    if ids is None:
        rows: Sequence[Any] = await _counted_of_all(db, values | {"query": query})
    elif query is None:
        rows = (await db.execute(COUNT_NAMED, values | {"ids": list(ids)})).all()
    else:
        both = values | {"query": query, "ids": list(ids)}
        rows = (await db.execute(COUNT_BOTH, both)).all()
    return [(kind, value, count) for kind, value, count in rows]


async def _counted_of_all(db: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
    """Count what has words by the index, or in the order of clients if most of them have these."""
    sample = {"query": values["query"], "window": SAMPLE}
    if int(await db.scalar(COUNT_SAMPLE, sample) or 0) >= MANY:
        rows = (await db.execute(COUNT_NEWEST, {**values, "window": ENOUGH})).all()
        if any(kind == "all" and count > COUNTED for kind, _, count in rows):
            return rows
    return (await db.execute(COUNT_FOUND, values)).all()


async def _known_count(db: Connection, asked: Asked) -> int | None:
    """Return how many have the one tag or code that is asked for; None: it is more than one."""
    marks = [("tag", tag) for tag in asked.tags]
    marks += [("code", asked.operator_code)] if asked.operator_code else []
    if asked.is_narrow or len(marks) != 1:
        return None
    return await _count(db, *marks[0])


async def _count(db: Connection, kind: str, value: str) -> int:
    return int(await db.scalar(SELECT_COUNT, {"kind": kind, "value": value}) or 0)


async def _facets(db: Connection, kind: str) -> list[Facet]:
    rows = await db.execute(SELECT_FACETS, {"kind": kind, "limit": FACETS})
    return [Facet(value=row.value, count=row.count) for row in rows]
