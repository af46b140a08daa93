"""Queries: clients by words, the newest first.

Words stand in segments of neighbors in time, and each segment is asked for its own: a page reads
the newest segments that have what is asked for, and of newer ones only that they have none.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text

from services.catalog.domain.search import gate_of, marks_of, query_of, segment_prefix
from shared.database import Connection, sql
from shared.event import Instant

Place: TypeAlias = tuple[Instant, UUID]

OLDEST: Place = (datetime.min.replace(tzinfo=UTC), UUID(int=0))  # before all clients


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
        return query_of(self.typed, self._marks)

    def query_in(self, segment: int) -> str:
        """Return what is asked of the words of a segment, where something is asked of words."""
        return query_of(self.typed, self._marks, segment_prefix(segment)) or ""

    def gate_in(self, segment: int) -> str | None:
        """Return what is asked of a segment first, as `gate_of` does."""
        return gate_of(self.typed, self._marks, segment_prefix(segment))

    @property
    def _marks(self) -> Sequence[str]:
        phone = [] if self.phone is None else [self.phone]
        return [*marks_of(self.tags, self.operator_code), *phone]


@dataclass(frozen=True, slots=True)
class Segment:
    """Clients that came one after the other: where the oldest and the newest of them stand."""

    number: int
    oldest: Place
    newest: Place


# From segment to segment by their index: as many steps as there are segments, not clients.
SELECT_SEGMENTS = text("""
    WITH RECURSIVE numbers AS (
        SELECT min(segment) AS segment FROM client_search WHERE segment > 0
        UNION ALL
        SELECT (SELECT min(segment) FROM client_search AS s WHERE s.segment > numbers.segment)
        FROM numbers WHERE segment IS NOT NULL
    )
    SELECT segment, oldest.created_at, oldest.client_id, newest.created_at, newest.client_id
    FROM numbers CROSS JOIN LATERAL (
        SELECT created_at, client_id FROM client_search AS s WHERE s.segment = numbers.segment
        ORDER BY created_at, client_id LIMIT 1
    ) AS oldest CROSS JOIN LATERAL (
        SELECT created_at, client_id FROM client_search AS s WHERE s.segment = numbers.segment
        ORDER BY created_at DESC, client_id DESC LIMIT 1
    ) AS newest
""")


async def segments(db: Connection) -> list[Segment]:
    """Return all segments, the one with the newest client first."""
    found = [
        Segment(number, (old_at, old_id), (new_at, new_id))
        for number, old_at, old_id, new_at, new_id in await db.execute(SELECT_SEGMENTS)
    ]
    return sorted(found, key=lambda each: each.newest, reverse=True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Places from `newest` back to, but without, `end`; and segments that have clients there."""

    segments: Sequence[Segment]
    newest: Place
    end: Place


def stretches(found: Sequence[Segment], before: Place) -> Iterator[Stretch]:
    """Yield what lies behind a place, the newest first, without gaps and none of it twice.

    Clients that came at the same time may stand in different segments: where these overlap, each
    stretch has all of them.
    """
    open_: list[Segment] = []
    for number, segment in enumerate(found, 1):
        end = found[number].newest if number < len(found) else OLDEST
        open_ = [*(each for each in open_ if each.oldest <= segment.newest), segment]
        if end < before:
            yield Stretch(open_, segment.newest, end)


# The gate of a query is asked first: without anybody there, the rest is not read (`gate_of`).
IN_SEGMENT = """segment > 0
    AND (gate IS NULL OR EXISTS (
        SELECT FROM client_search
        WHERE segment > 0 AND words_in_segment(segment, words) @@ CAST(gate AS tsquery)
    ))
    AND words_in_segment(segment, words) @@ CAST(query AS tsquery)
"""
# Each stretch collects and sorts what its segments have; the next one is read only if they do not
# fill the page. Clients of segment 0, which a release before has put there, are read in order.
SELECT_FOUND = sql(
    """
    SELECT client_id FROM (
        (
            SELECT found.client_id, found.created_at FROM unnest(
                CAST(:queries AS text[]), CAST(:gates AS text[]),
                CAST(:newest_at AS timestamptz[]), CAST(:newest_id AS uuid[]),
                CAST(:end_at AS timestamptz[]), CAST(:end_id AS uuid[])
            ) AS stretch (query, gate, newest_at, newest_id, end_at, end_id) CROSS JOIN LATERAL (
                SELECT client_id, created_at FROM (
                    SELECT client_id, created_at FROM client_search
                    WHERE {in_segment} OFFSET 0
                ) AS s
                WHERE (created_at, client_id) <= (newest_at, newest_id)
                    AND (created_at, client_id) > (end_at, end_id)
                    AND (created_at, client_id)
                        < (CAST(:at AS timestamptz), CAST(:id AS uuid))
                ORDER BY created_at DESC, client_id DESC LIMIT :limit
            ) AS found LIMIT :limit
        ) UNION ALL (
            SELECT client_id, created_at FROM client_search
            WHERE segment = 0 AND words @@ CAST(:query AS tsquery)
                AND (created_at, client_id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))
            ORDER BY created_at DESC, client_id DESC LIMIT :limit
        )
    ) AS found ORDER BY created_at DESC, client_id DESC LIMIT :limit
""",
    in_segment=IN_SEGMENT,
)


async def found_ids(db: Connection, asked: Asked, *, before: Place, limit: int) -> list[UUID]:
    """Return up to `limit` clients that the words find, the newest first."""
    query = asked.query
    if query is None:
        return []
    parts = list(stretches(await segments(db), before))
    values: dict[str, Any] = {
        "queries": [_any(asked.query_in(each.number) for each in part.segments) for part in parts],
        "gates": [_any(asked.gate_in(each.number) for each in part.segments) for part in parts],
        "newest_at": [each.newest[0] for each in parts],
        "newest_id": [each.newest[1] for each in parts],
        "end_at": [each.end[0] for each in parts],
        "end_id": [each.end[1] for each in parts],
        "query": query,
        "at": before[0],
        "id": before[1],
        "limit": limit,
    }
    return list((await db.scalars(SELECT_FOUND, values)).all())


def _any(queries: Iterable[str | None]) -> str | None:
    """Return the query for what one of `queries` finds; None: one of them is nothing."""
    asked = list(queries)
    return None if None in asked else " | ".join(f"({each})" for each in asked)
