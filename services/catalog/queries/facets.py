"""Queries: how many clients there are of what is asked for, and which tags and codes they have."""

from typing import Any

from sqlalchemy import text

from services.catalog.queries.search import IN_SEGMENT, Asked, segments
from shared.database import Connection, fragment, sql
from shared.http import View


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
        SELECT 'tag', tag, count(*) AS count FROM (SELECT unnest(tags) AS tag FROM found) AS had
        GROUP BY tag ORDER BY count DESC, tag COLLATE "C" LIMIT :facets
    )
    UNION ALL (
        SELECT 'code', operator_code, count(*) AS count FROM found
        WHERE operator_code IS NOT NULL
        GROUP BY operator_code ORDER BY count DESC, operator_code COLLATE "C" LIMIT :facets
    )
"""
HAS_WORDS, IS_NAMED = "words @@ CAST(:query AS tsquery)", "client_id = ANY(CAST(:ids AS uuid[]))"
# Segment after segment, and then clients of segment 0, which a release before has put there.
FOUND = fragment(
    """(
    SELECT client_id, tags, operator_code
    FROM unnest(CAST(:queries AS text[]), CAST(:gates AS text[])) AS part (query, gate)
    CROSS JOIN LATERAL (
        SELECT client_id, tags, operator_code FROM client_search WHERE {in_segment} OFFSET 0
    ) AS found
    UNION ALL
    SELECT client_id, tags, operator_code FROM client_search
    WHERE segment = 0 AND words @@ CAST(:query AS tsquery)
) AS found""",
    in_segment=IN_SEGMENT,
)
COUNT_FOUND = sql(COUNT_SOME, clients=FOUND, conditions="true")
COUNT_NAMED = sql(COUNT_SOME, clients="client_search", conditions=IS_NAMED)
COUNT_BOTH = sql(COUNT_SOME, clients="client_search", conditions=f"{HAS_WORDS} AND {IS_NAMED}")


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
    values: dict[str, Any] = {"limit": COUNTED + 1, "facets": FACETS}
    if ids is None:
        numbers = [each.number for each in await segments(db)]
        statement = COUNT_FOUND
        values["query"] = query
        values["queries"] = [asked.query_in(each) for each in numbers]
        values["gates"] = [asked.gate_in(each) for each in numbers]
    elif query is None:
        statement, values = COUNT_NAMED, values | {"ids": list(ids)}
    else:
        statement, values = COUNT_BOTH, values | {"query": query, "ids": list(ids)}
    return [(kind, value, count) for kind, value, count in await db.execute(statement, values)]


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
