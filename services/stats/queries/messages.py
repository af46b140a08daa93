"""The messages behind a figure: pages of them, each read in bounded time.

A page may be shorter than its limit, even empty: it was the last only if it has no `next_cursor`.
So a page costs the same whether one in two messages fits or one in a million.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    case,
    func,
    literal_column,
    null,
    select,
    text,
    true,
)

from services.stats.queries.figures import current, planned, with_event
from services.stats.queries.freshness import rows_with_freshness
from services.stats.tables import messages, runs
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.event import Instant
from shared.http import View

FIRST = UUID(int=0)
LAST_CHUNK = 2**31 - 1

# Chunk by chunk, so that it ends with the first that fill the page. `bound` is the last chunk of
# those that were looked at, if there may be more behind it.
PLANNED = text("""
    WITH found AS (
        SELECT chunk, client_id FROM (
            SELECT chunk, client_ids FROM chunks
            WHERE generation = (SELECT current FROM generations)
                AND run_id = :run_id AND chunk <= :chunk
            ORDER BY chunk DESC LIMIT :looked_at
        ) AS near, unnest(client_ids) AS near_client (client_id)
        WHERE (chunk < :chunk OR client_id > :after) AND NOT EXISTS (
            SELECT FROM messages WHERE generation = (SELECT current FROM generations)
                AND run_id = :run_id AND messages.client_id = near_client.client_id
        )
        ORDER BY chunk DESC, client_id LIMIT :limit
    )
    SELECT found.chunk, client_id, bound FROM (
        SELECT (
            SELECT chunk FROM chunks
            WHERE generation = (SELECT current FROM generations)
                AND run_id = :run_id AND chunk <= :chunk
            ORDER BY chunk DESC OFFSET :looked_at - 1 LIMIT 1
        ) AS bound
    ) AS bounds LEFT JOIN found ON true ORDER BY found.chunk DESC, client_id
""")


class MessageView(View):
    """A message as the log has it; one that is planned has not changed yet."""

    message_id: str
    run_id: UUID
    client_id: UUID
    status: State
    attempts: int
    changed_at: Instant | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of messages; None doesn't restrict."""

    run_id: UUID | None = None
    mailing_id: UUID | None = None
    status: State | None = None


class Place(NamedTuple):
    """A position at which a page begins: behind a client, in a run's rows or in one of its chunks.

    Planned messages come first: one that changes between two pages is shown twice, never missed.
    Chunks go from the last to the first: sending begins with the first.
    """

    run_id: UUID = FIRST
    after: UUID = FIRST
    chunk: int | None = LAST_CHUNK  # None: planned messages are done, rows follow

    def __str__(self) -> str:
        """Return it as text that `read` parses."""
        return f"{self.run_id}/{self.after}/{'' if self.chunk is None else self.chunk}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Return the place that `text` stands for.

        Raises:
            ValueError: It stands for none.
        """
        run_id, after, chunk = text.split("/")
        number = int(chunk) if chunk else None
        if number is not None and not 0 <= number <= LAST_CHUNK:
            raise ValueError(chunk)
        return cls(UUID(run_id), UUID(after), number)


START = Place()


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of what one page may read: some ten milliseconds."""

    runs: int = 20
    chunks: int = 8
    rows: int = 20_000


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Found:
    """A page of messages."""

    items: list[MessageView]
    rest: Place | None  # where the next page begins; None: this is the last
    fresh: dict[str, Any]  # the fields of `Freshness`


async def page(
    db: Connection, wanted: Wanted, place: Place, limit: int, *, bounds: Bounds = BOUNDS
) -> Found:
    """Return up to `limit` messages from `place`.

    They come by run; of each run those that are planned, then the others by client. The runs are
    read by one statement, then each of the two parts of a run by one, until the page is full: how
    much of a run is looked at depends on what was found before.
    """
    reader = _Reader(db, wanted, limit, bounds.chunks, bounds.rows)
    fresh, found = await rows_with_freshness(db, _runs(wanted, place).limit(bounds.runs + 1))
    candidates = sorted(found, key=lambda row: row.run_id)
    for run in candidates[: bounds.runs]:
        at = place if run.run_id == place.run_id else Place(run.run_id)
        rest = await reader.read(at, has_planned=run.has_planned)
        if rest is not None:
            return Found(reader.items, rest, fresh)
    more = Place(candidates[bounds.runs].run_id) if len(candidates) > bounds.runs else None
    return Found(reader.items, more, fresh)


@dataclass(slots=True)
class _Reader:
    """A reader of runs, one after the other, as much as a page may read."""

    db: Connection
    wanted: Wanted
    limit: int
    chunks_left: int
    rows_left: int
    items: list[MessageView] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.limit - len(self.items)

    async def read(self, place: Place, *, has_planned: bool) -> Place | None:
        """Read on in a run; return where it stopped, None if the run is done."""
        at = place
        if has_planned and self.wanted.status in (None, State.PLANNED):
            rest = await self._planned(at)
            if rest is not None:
                return rest
        return await self._rows(at if at.chunk is None else Place(at.run_id, FIRST, None))

    async def _planned(self, place: Place) -> Place | None:
        """Read clients of chunks, from `place` on, that have no row."""
        if place.chunk is None:
            return None
        if not self.missing or not self.chunks_left:
            return place
        near = {**place._asdict(), "looked_at": self.chunks_left, "limit": self.missing + 1}
        rows = (await self.db.execute(PLANNED, near)).all()
        found = [row for row in rows if row.client_id is not None]
        shown = found[: self.missing]
        self.items += [_view(place.run_id, row.client_id, State.PLANNED, 0, None) for row in shown]
        if len(found) > len(shown):
            return Place(place.run_id, shown[-1].client_id, shown[-1].chunk)
        last = rows[0].bound
        self.chunks_left = self.chunks_left // 2 if last is None else 0  # for other runs
        return Place(place.run_id, FIRST, last - 1) if last else None

    async def _rows(self, place: Place) -> Place | None:
        """Read rows behind `place`, in the order of clients."""
        if not self.missing or not self.rows_left:
            return place
        status = self.wanted.status
        query = _rows(place, status, self.missing + 1, self.rows_left)
        rows = (await self.db.execute(query)).all()
        views = [_view(*fields) for *fields, _ in rows if fields[0] is not None]
        shown = views[: self.missing]
        self.items += shown
        if len(views) > len(shown):
            return place._replace(after=shown[-1].client_id)
        if status is not State.DELIVERED:
            return None
        last = rows[0].bound
        self.rows_left = self.rows_left // 2 if last is None else 0
        return None if last is None else place._replace(after=last)


def _runs(wanted: Wanted, place: Place) -> Select[Any]:
    """Select the runs from `place` on that have any such message, and whether one is planned."""
    table = runs.c
    query = select(table.run_id, (planned > with_event).label("has_planned")).where(
        table.generation == current, table.run_id >= place.run_id
    )
    if wanted.run_id is not None:
        query = query.where(table.run_id == wanted.run_id)
    if wanted.mailing_id is not None:
        query = query.where(table.mailing_id == wanted.mailing_id)
    if wanted.status is State.PLANNED:
        query = query.where(planned > with_event)
    elif wanted.status is not None:
        query = query.where(table[f"{wanted.status}_count"] > 0)
    return query.order_by(table.run_id)


def _behind(place: Place) -> tuple[ColumnElement[bool], ...]:
    table = messages.c
    return (
        table.generation == current,
        table.run_id == place.run_id,
        table.client_id > place.after,
    )


def _rows(place: Place, status: State | None, limit: int, looked_at: int) -> Select[Any]:
    """Select rows behind `place`; delivered ones from the next `looked_at` rows of any state.

    Behind the columns of each stands `bound`: where delivered ones were looked for in vain.
    """
    table = messages
    rows = select(
        table.c.run_id, table.c.client_id, table.c.state, table.c.attempts, table.c.changed_at
    ).where(*_behind(place))
    if status is State.DELIVERED:
        scanned = rows.order_by(table.c.client_id).limit(looked_at).subquery()
        rows = select(scanned).where(scanned.c.state == status)
        return _with_bound(
            rows.order_by(scanned.c.client_id).limit(limit), limit, place, looked_at
        )
    if status is not None:  # as the partial index has it, word for word
        rows = rows.where(table.c.state == status, literal_column("state <> 'delivered'"))
    return rows.add_columns(null().label("bound")).order_by(table.c.client_id).limit(limit)


def _with_bound(rows: Select[Any], limit: int, place: Place, looked_at: int) -> Select[Any]:
    """Select `rows`, and the last client that was looked at if there may be more behind it.

    That is looked up only if the rows don't fill the page; without rows it stands alone.
    """
    found = rows.cte("found")
    clients = select(messages.c.client_id).where(*_behind(place)).order_by(messages.c.client_id)
    last = clients.offset(looked_at - 1).limit(1).scalar_subquery()
    number = select(func.count()).select_from(found).scalar_subquery()
    bounds = select(case((number < limit, last)).label("bound")).subquery("bounds")
    both = bounds.outerjoin(found, true())
    return select(found, bounds.c.bound).select_from(both).order_by(found.c.client_id)


def _view(
    run_id: UUID, client_id: UUID, status: State, attempts: int, changed_at: Instant | None
) -> MessageView:
    return MessageView(
        message_id=ids.message_id(run_id, client_id),
        run_id=run_id,
        client_id=client_id,
        status=status,
        attempts=attempts,
        changed_at=changed_at,
    )
