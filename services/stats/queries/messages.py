"""The messages behind a figure: pages of them, each read in bounded time.

A page may be shorter than its limit, even empty: it was the last only if it has no `next_cursor`.
So a page costs the same whether one in two messages fits or one in a million.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from services.stats.queries import parts
from services.stats.queries.freshness import rows_with_freshness
from services.stats.tables import runs
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.errors import Gone
from shared.event import Instant
from shared.http import View

FIRST = UUID(int=0)
LAST_CHUNK = 2**31 - 1


class MessageView(View):
    """A message as the log has it; one that is planned has not changed yet."""

    message_id: str
    run_id: UUID
    client_id: UUID
    status: State
    attempts: int
    changed_at: Instant | None


class MessagesDeleted(Gone):
    """The run is archived: its figures stay, its messages are deleted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of messages; None doesn't restrict."""

    run_id: UUID | None = None
    mailing_id: UUID | None = None
    status: State | None = None


class Place(NamedTuple):
    """A position at which a page begins: behind a client, of a run, in a part of its messages.

    Planned ones come first, then those in blocks, then those with rows, as messages move: one that
    changes between two pages is shown twice, never missed. Of planned ones the last chunk comes
    first: sending begins with the first.
    """

    run_id: UUID = FIRST
    after: UUID = FIRST
    chunk: int | None = LAST_CHUNK  # None: rows
    is_in_blocks: bool = False

    def __str__(self) -> str:
        """Return it as text that `read` parses."""
        number = "" if self.chunk is None else self.chunk
        return f"{self.run_id}/{self.after}/{'b' if self.is_in_blocks else ''}{number}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Return the place that `text` stands for.

        Raises:
            ValueError: It stands for none.
        """
        run_id, after, part = text.split("/")
        is_in_blocks, chunk = part[:1] == "b", part.removeprefix("b")
        number = int(chunk) if chunk or is_in_blocks else None
        if number is not None and not 0 <= number <= LAST_CHUNK:
            raise ValueError(chunk)
        return cls(UUID(run_id), UUID(after), number, is_in_blocks)


START = Place()


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of what one page may read: some ten milliseconds."""

    runs: int = 20
    known_runs: int = 2_000  # that are looked through for some with such messages
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

    They come by run, of each run in its parts. The runs are read by one statement, then each part
    of a run by one, until the page is full: how much of a run is looked at depends on what was
    found before. What only rows have is read of all runs by one. Archived runs have none.

    Raises:
        MessagesDeleted: The one run that is wanted is archived.
    """
    reader = _Reader(db, wanted, limit, bounds.chunks, bounds.rows)
    of = [runs.c.run_id >= place.run_id]
    if wanted.run_id is not None:
        of.append(runs.c.run_id == wanted.run_id)
    if wanted.mailing_id is not None:
        of.append(runs.c.mailing_id == wanted.mailing_id)
    shows_archived = wanted.run_id is not None
    near = parts.runs_with(wanted.status, of, bounds.known_runs, shows_archived=shows_archived)
    fresh, found = await rows_with_freshness(db, near.limit(bounds.runs + 1))
    candidates = sorted(found, key=lambda row: row.run_id)
    if wanted.run_id is not None and candidates and candidates[0].archived_at is not None:
        raise MessagesDeleted(candidates[0].archived_at)
    behind = [*(row for row in candidates if row.is_behind), *candidates[bounds.runs :]]
    more = Place(min(row.run_id for row in behind)) if behind else None
    chosen = [row for row in candidates[: bounds.runs] if not row.is_behind]
    if wanted.status in parts.ONLY_ROWS:
        rest = await reader.read_rows(place, [run.run_id for run in chosen])
        return Found(reader.items, rest or more, fresh)
    for run in chosen:
        at = place if run.run_id == place.run_id else Place(run.run_id)
        rest = await reader.read(at, has_planned=run.has_planned)
        if rest is not None:
            return Found(reader.items, rest, fresh)
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

    @property
    def may_read_chunks(self) -> bool:
        return self.missing > 0 and self.chunks_left > 0

    async def read(self, place: Place, *, has_planned: bool) -> Place | None:
        """Read on in a run; return where it stopped, None if the run is done."""
        status, at = self.wanted.status, place
        if at.chunk is not None and not at.is_in_blocks:
            if has_planned and status in (None, State.PLANNED):
                rest = await self._planned(at)
                if rest is not None:
                    return rest
            at = Place(at.run_id, FIRST, 0, is_in_blocks=True)
        if at.is_in_blocks:
            if status in (None, State.DELIVERED):
                rest = await self._in_blocks(at)
                if rest is not None:
                    return rest
            at = Place(at.run_id, FIRST, None)
        return None if status is State.PLANNED else await self._rows(at)

    async def _planned(self, place: Place) -> Place | None:
        """Read clients of chunks, from `place` on, that have had no event."""
        if not self.may_read_chunks:
            return place
        rows = (await self.db.execute(parts.PLANNED, self._near(place))).all()
        found = [row for row in rows if row.client_id is not None]
        shown = found[: self.missing]
        self.items += [_view(place.run_id, row.client_id, State.PLANNED, 0, None) for row in shown]
        if len(found) > len(shown):
            return Place(place.run_id, shown[-1].client_id, shown[-1].chunk)
        last = rows[0].bound
        self.chunks_left = self.chunks_left // 2 if last is None else 0  # for other runs
        return Place(place.run_id, FIRST, last - 1) if last else None

    async def _in_blocks(self, place: Place) -> Place | None:
        """Read clients of blocks, from `place` on, that have no row."""
        if not self.may_read_chunks:
            return place
        rows = (await self.db.execute(parts.IN_BLOCKS, self._near(place))).all()
        found = [row for row in rows if row.client_id is not None]
        shown = found[: self.missing]
        self.items += [
            _view(place.run_id, row.client_id, State.DELIVERED, 1, row.changed_at) for row in shown
        ]
        if len(found) > len(shown):
            return place._replace(after=shown[-1].client_id, chunk=shown[-1].chunk)
        bound = rows[0].bound
        self.chunks_left = 0 if bound is not None else self.chunks_left - rows[0].looked_at
        return None if bound is None else place._replace(after=FIRST, chunk=bound)

    async def read_rows(self, place: Place, run_ids: Sequence[UUID]) -> Place | None:
        """Read rows in a state of several runs, behind `place`; return where the page ended."""
        if not run_ids:
            return None
        values = {
            "run_ids": run_ids,
            "status": self.wanted.status,
            "run_id": place.run_id,
            "after": place.after if place.chunk is None else FIRST,
            "first": FIRST,
            "limit": self.limit + 1,
        }
        rows = [tuple(row) for row in await self.db.execute(parts.IN_STATE, values)]
        self.items += [_view(*row) for row in rows[: self.limit]]
        if len(rows) <= self.limit:
            return None
        last = self.items[-1]
        return Place(last.run_id, last.client_id, None)

    def _near(self, place: Place) -> dict[str, Any]:
        return {
            "run_id": place.run_id,
            "after": place.after,
            "chunk": place.chunk,
            "looked_at": self.chunks_left,
            "limit": self.missing + 1,
        }

    async def _rows(self, place: Place) -> Place | None:
        """Read rows behind `place`, in the order of clients."""
        if not self.missing or not self.rows_left:
            return place
        status = self.wanted.status
        query = parts.rows_of(place.run_id, place.after, status, self.missing + 1, self.rows_left)
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
