"""Timing: of a run whose messages are due at different times, clients are sorted by these first.

Two passes, each step of which is one transaction. The first stages the clients, step by step in
their order, in pages by due time; the second cuts these into chunks, the earliest first. So a due
time has no more than one chunk that is not full, however the audience is spread over the zones.
Clients of one due time are in order, those of two are not: each due time is a lane of chunks.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.dispatcher.domain.contact import Channel, suppressed
from services.dispatcher.domain.due import PlatformTimes, Timing, When, local_of, quiet_of
from services.dispatcher.domain.resend import Chosen
from services.dispatcher.queue.audience import Audience, find_few, next_clients
from services.dispatcher.queue.expanded import (
    FEW,
    Expanded,
    PlannedChunk,
    Written,
    advance,
    unreachable,
)
from services.dispatcher.queue.resending import NEXT_OF_LANES, NEXT_PICKED, family_of, values_of
from shared.contracts.catalog import MessageClass
from shared.contracts.dispatcher import SuppressedReason
from shared.contracts.timing import QuietHours, TimePolicy
from shared.database import Connection, copy, sql
from shared.event import Instant, finite

STAGED, CUT = 50, 10  # chunks' worth of clients in a step of each pass
PAGES = 5_000  # that a step of the second pass looks at
NOBODY = UUID(int=0)


class Cut(NamedTuple):
    """What a step of the second pass wrote down."""

    chunks: list[PlannedChunk]
    skipped: dict[UUID, SuppressedReason]  # clients that get nothing by the run's rules of time
    is_last: bool


def timing_of(run: Any, usual: PlatformTimes) -> Timing | None:  # noqa: ANN401 - of SELECT_NEXT
    """Return when the messages of a run are due; None: all of them at its start.

    The platform's quiet hours hold as they are when its expansion begins.
    """
    has_begun = run.staged_to is not None or run.lane_count > 1
    policy = run.time_policy and msgspec.convert(run.time_policy, TimePolicy)
    if run.chunk_count and not has_begun and policy is None:
        return None
    hours = run.quiet_hours and msgspec.convert(run.quiet_hours, QuietHours)
    if hours is None and run.staged_to is None:
        hours = usual.quiet_hours
    if run.message_class == MessageClass.CRITICAL:
        hours = None
    starts_at, ends_at = finite(run.starts_at), finite(run.ends_at)
    local = local_of(run.local_time, starts_at, usual.zone)
    quiet = quiet_of(hours, local.zone)
    if policy is None and quiet is None and not has_begun:
        return None
    return Timing(starts_at, ends_at, local, policy, quiet)


async def expand(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    audience: Audience,
    times: Timing,
    channels: Mapping[str, Channel],
    size: int,
) -> Expanded:
    """Stage the next clients of a run by when their messages are due; if all are, cut chunks."""
    if not run.is_staged:
        looked_at = await _stage(db, run, audience, times, limit=size * STAGED)
        written = Written([], {}, looked_at, is_last=False)
        return await advance(db, run, written, run.expanded_to)
    found = await _cut(db, run, size=size, limit=size * CUT)
    few = [client_id for each in found.chunks for client_id in each.client_ids]
    among = {"after": NOBODY, "upto": NOBODY, "few": few}
    rejections = await unreachable(db, run, audience, channels, among) if few else {}
    rejections |= {each: suppressed(reason) for each, reason in found.skipped.items()}
    written = Written(found.chunks, rejections, len(few), found.is_last)
    return await advance(db, run, written, run.expanded_to)


async def _stage(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    audience: Audience,
    times: Timing,
    *,
    limit: int,
) -> int:
    """Stage the next clients of a run; return how many."""
    values: dict[str, Any] = {"after": run.staged_to or NOBODY, "limit": limit}
    if run.resent_from is not None:
        again = Chosen(run.resent_from, run.resent_statuses, run.resent_reasons)
        picked = NEXT_PICKED if run.source_lanes == 1 else NEXT_OF_LANES
        values = {**values, **values_of(again, await family_of(db, run.resent_from))}
    else:
        few = await find_few(db, audience, limit) if run.staged_to is None else None
        picked = FEW if few is not None else next_clients(audience)
        values = {**values, **audience.values, "few": few}
    pinned = None if times.quiet is None else msgspec.json.encode(times.quiet).decode()
    return await _write_pages(db, run, times, picked=picked, values=values, quiet_hours=pinned)


# In the order of clients, so that pages are as well; as columns, which cost a tenth of rows.
BY_CLOCK = """
    SELECT coalesce(array_agg(client_id), '{{}}') AS client_ids,
        coalesce(array_agg(time_zone), '{{}}') AS zones,
        coalesce(array_agg(preferred_times), '{{}}') AS preferred
    FROM (
        SELECT client_id, clients.time_zone, clients.preferred_times
        FROM ({picked}) AS picked LEFT JOIN clients USING (client_id) ORDER BY client_id
    ) AS in_order
"""
# What the log says of a run that was restored is there already.
THERE_ALREADY = text("""
    SELECT ids.client_id FROM chunks CROSS JOIN LATERAL unnest(client_ids) AS ids (client_id)
    WHERE run_id = :run_id AND ids.client_id > :after AND ids.client_id <= :upto
""")
STAGED_COLUMNS = ("run_id", "due_at", "number", "reason", "client_ids")
ADVANCE_STAGED = text("""
    UPDATE runs SET staged_to = :upto, staged_count = staged_count + :count,
        is_staged = :is_staged, quiet_hours = CAST(:quiet_hours AS jsonb)
    WHERE run_id = :run_id
""")


async def _write_pages(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    timing: Timing,
    *,
    picked: str,
    values: dict[str, Any],
    quiet_hours: str | None,
) -> int:
    """Stage the next clients of a run, which `picked` selects; return how many.

    The run is staged once these are fewer than the `limit` in `values`.
    """
    client_ids, zones, preferred = (await db.execute(sql(BY_CLOCK, picked=picked), values)).one()
    known: set[UUID] = set()
    count, upto = len(client_ids), client_ids[-1] if client_ids else values["after"]
    if run.chunk_count and count:
        between = {"run_id": run.run_id, "after": values["after"], "upto": upto}
        known = set((await db.scalars(THERE_ALREADY, between)).all())
    pages: dict[When, list[UUID]] = {}
    for client_id, zone, times in zip(client_ids, zones, preferred, strict=True):
        if not known or client_id not in known:
            pages.setdefault(timing.due(zone, times), []).append(client_id)
    await copy(db, "staged", STAGED_COLUMNS, _pages(run, timing.starts_at, pages))
    progress = {"run_id": run.run_id, "upto": upto, "count": count, "quiet_hours": quiet_hours}
    await db.execute(ADVANCE_STAGED, progress | {"is_staged": count < values["limit"]})
    return count


def _pages(
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    starts_at: Instant,
    pages: Mapping[When, list[UUID]],
) -> Iterable[tuple[Any, ...]]:
    """Yield rows of STAGED_COLUMNS."""
    for due, client_ids in pages.items():
        is_skipped = isinstance(due, SuppressedReason)
        due_at, reason = (starts_at, str(due)) if is_skipped else (due, "")
        yield run.run_id, due_at, run.staged_count, reason, client_ids


# Of the pages that are next so many that they hold enough clients, one at least.
TAKE_PAGES = text("""
    WITH near AS (
        SELECT due_at, number, reason, cardinality(client_ids) AS size FROM staged
        WHERE run_id = :run_id ORDER BY due_at, number, reason LIMIT :pages
    ), counted AS (
        SELECT near.*, sum(size) OVER (ORDER BY due_at, number, reason) - size AS before FROM near
    )
    DELETE FROM staged USING counted
    WHERE staged.run_id = :run_id AND staged.due_at = counted.due_at
        AND staged.number = counted.number AND staged.reason = counted.reason
        AND counted.before < :limit
    RETURNING staged.due_at, staged.number, staged.reason, staged.client_ids
""")
NEXT_DUE = text("""
    SELECT due_at FROM staged WHERE run_id = :run_id ORDER BY due_at LIMIT 1
""")
LAST_CHUNK = text("""
    SELECT due_at, lane FROM chunks WHERE run_id = :run_id ORDER BY chunk DESC LIMIT 1
""")
CHUNK_COLUMNS = (
    *("run_id", "chunk", "due_at", "client_ids", "lane", "open_count"),
    *("state", "epoch", "reaped", "is_touched"),
)


async def _cut(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    *,
    size: int,
    limit: int,
) -> Cut:
    """Cut the next staged clients of a run, about `limit`, into chunks of `size`.

    What does not fill a chunk, of a due time of which there is more, stays staged.
    """
    values = {"run_id": run.run_id, "pages": PAGES, "limit": limit}
    pages = (await db.execute(TAKE_PAGES, values)).all()
    if not pages:
        return Cut([], {}, is_last=True)
    due_at = await db.scalar(NEXT_DUE, {"run_id": run.run_id})
    last = (await db.execute(LAST_CHUNK, {"run_id": run.run_id})).first()
    lane, goes_on = (last.lane, last.due_at) if last is not None and last.lane else (0, None)
    chunks: list[PlannedChunk] = []
    rest: list[Any] = []
    for each, own in _by_due_time(pages).items():
        lane += each != goes_on
        client_ids = _in_order(own)
        whole = len(client_ids) // size * size if each == due_at else len(client_ids)
        for first in range(0, whole, size):
            members = client_ids[first : min(first + size, whole)]
            chunks.append(PlannedChunk(run.chunk_count + len(chunks), each, members, lane))
        rest += _staged_again(run.run_id, own, client_ids[whole:])
    skipped = {
        client_id: SuppressedReason(page.reason)
        for page in pages
        if page.reason
        for client_id in page.client_ids
    }
    await copy(db, "staged", STAGED_COLUMNS, rest)
    await copy(db, "chunks", CHUNK_COLUMNS, [_row(run.run_id, each) for each in chunks])
    return Cut(chunks, skipped, is_last=due_at is None)


def _by_due_time(pages: Sequence[Any]) -> dict[Instant, list[Any]]:
    found: dict[Instant, list[Any]] = {}
    for page in sorted(pages, key=itemgetter(0, 1, 2)):
        found.setdefault(page.due_at, []).append(page)
    return found


def _in_order(pages: Sequence[Any]) -> list[UUID]:
    """Return the clients of pages of one due time: those of a step are behind those before it."""
    client_ids = [client_id for page in pages for client_id in page.client_ids]
    return client_ids if _is_plain(pages) else sorted(client_ids)


def _is_plain(pages: Sequence[Any]) -> bool:
    """Return whether nobody of them is skipped: then they are in order as they come."""
    return not any(page.reason for page in pages)


def _staged_again(
    run_id: UUID, pages: Sequence[Any], clients: Sequence[UUID]
) -> Iterable[tuple[Any, ...]]:
    """Yield what of pages is staged again: the last of their clients."""
    if not clients:
        return
    if _is_plain(pages):
        yield run_id, pages[-1].due_at, pages[-1].number, "", list(clients)
        return
    wanted = set(clients)
    for page in pages:
        if left := [each for each in page.client_ids if each in wanted]:
            yield run_id, page.due_at, page.number, page.reason, left


def _row(run_id: UUID, chunk: PlannedChunk) -> tuple[Any, ...]:
    """Return a row of CHUNK_COLUMNS."""
    count, rest = len(chunk.client_ids), ("planned", 0, 0, False)
    return (run_id, chunk.number, chunk.due_at, chunk.client_ids, chunk.lane, count, *rest)
