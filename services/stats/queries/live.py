"""What is shown live: mailings as everybody may see them, and which have changed since when.

A row carries the transaction that changed it last. Whoever asks notes the oldest transaction that
is still open, and asks the next time for all from that one on: so nothing that commits late is
missed, and a row may come twice.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import Row

from services.stats.domain.live import expected_end, too_late
from services.stats.domain.upcoming import upcoming
from services.stats.queries import by_client
from services.stats.queries.by_client import ByStatus
from services.stats.queries.freshness import AS_OF, NEEDED, freshness_of
from services.stats.tables import COUNTS, SUMS
from shared.contracts.dispatcher import State
from shared.database import INSTANT, Connection, fragment, sql
from shared.event import Instant, finite

MailingRow: TypeAlias = Row[Any]  # of COLUMNS

LARGEST_SNAPSHOT = 1_000  # mailings; the rest comes by pages
SEARCHED = 20_000  # of the newest mailings: what a search looks at is bounded
NEWEST_RUNS = 20  # of a mailing, that are shown
COUNTED = tuple(state for state in State if state is not State.PLANNED)

# Of a recurring mailing the last occurrence is the last only as long as nobody has changed it.
IS_OVER = "last_at IS NOT NULL AND (NOT is_recurring OR coalesce(edited_at < last_at, true))"
STATUS = fragment(
    """
    CASE
        WHEN stopped_at IS NOT NULL THEN 'stopped'
        WHEN {is_over} AND open_count = 0
            THEN CASE WHEN run_count > missed_count THEN 'finished' ELSE 'missed' END
        WHEN is_paused THEN 'paused'
        WHEN open_count > 0 THEN 'running'
        WHEN name IS NULL THEN 'finished'
        ELSE 'planned'
    END
    """,
    is_over=IS_OVER,
)
COLUMNS = fragment(
    """
    mailing_id, name, {status} AS status, starts_at, ends_at, run_ends_at, run_nominal,
    is_recurring, schedule, coalesce(created_at, last_run_at) AS created_at, run_count,
    open_count, {sums}, deleted_at, changed_in
    """,
    status=STATUS,
    sums=", ".join(SUMS),
)


# What does not count by client, by state; none: nothing of the mailing was sent again.
SUPERSEDED = fragment(
    """
    (
        SELECT CASE WHEN count(*) > 0 THEN ARRAY[{sums}] END FROM resends
        WHERE resends.generation = mailings.generation
            AND resends.mailing_id = mailings.mailing_id
    ) AS superseded
    """,
    sums=", ".join(f"sum(resends.{state}_count)" for state in State),
)


class Head(NamedTuple):
    """What a look at the figures begins with."""

    generation: int
    oldest_open: int  # the oldest transaction that may still change something
    now: Instant
    fresh: dict[str, Any]
    totals: dict[str, int]


HEAD = sql(
    """
    WITH fresh AS ({as_of})
    SELECT current AS generation,
        CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS xmin,
        {instant} AS now, as_of, lag_s, {sums}
    FROM generations CROSS JOIN fresh LEFT JOIN totals ON totals.generation = current
    GROUP BY current, as_of, lag_s
    """,
    as_of=AS_OF.text,
    instant=INSTANT,
    sums=", ".join(
        f"CAST(coalesce(sum({each}), 0) AS bigint) AS {each}"
        for each in ("open_count", "planned_count", "delivered_count")
    ),
)


async def head(db: Connection) -> Head:
    """Return where the figures are now; what is read behind it is at least as new."""
    row = (await db.execute(HEAD, {"needed": NEEDED})).one()
    totals = {
        "running": row.open_count,
        "planned": row.planned_count,
        "delivered": row.delivered_count,
    }
    return Head(row.generation, row.xmin, row.now, freshness_of(row), totals)


CHANGED = sql(
    """
    SELECT {columns}, {superseded} FROM mailings
    WHERE generation = :generation AND changed_in >= :since
        AND (name IS NOT NULL OR run_count > 0)
    """,
    columns=COLUMNS,
    superseded=SUPERSEDED,
)


async def changed(db: Connection, generation: int, since: int) -> Sequence[Row[Any]]:
    """Return the mailings that a transaction from `since` on has changed, deleted ones too."""
    values = {"generation": generation, "since": since}
    return (await db.execute(CHANGED, values)).all()


UNFINISHED = sql(
    """
    SELECT {columns}, {superseded} FROM mailings
    WHERE generation = :generation AND deleted_at IS NULL AND (open_count > 0 OR (
        name IS NOT NULL AND stopped_at IS NULL AND NOT ({is_over})
    ))
    ORDER BY open_count > 0 DESC, created_at DESC LIMIT :limit
    """,
    columns=COLUMNS,
    superseded=SUPERSEDED,
    is_over=IS_OVER,
)


async def unfinished(db: Connection, generation: int) -> Sequence[Row[Any]]:
    """Return the mailings that are not in a final status, those that run first."""
    values = {"generation": generation, "limit": LARGEST_SNAPSHOT}
    return (await db.execute(UNFINISHED, values)).all()


NEWEST = "coalesce(created_at, last_run_at, timestamptz '2200-01-01T00:00:00Z')"
PAGE = sql(
    """
    SELECT *, {superseded} FROM (
        SELECT {columns}, generation, {newest} AS newest FROM mailings
        WHERE generation = (SELECT current FROM generations) AND deleted_at IS NULL
            AND (name IS NOT NULL OR run_count > 0)
            AND (CAST(:before AS timestamptz) IS NULL
                OR ({newest}, mailing_id) < (CAST(:before AS timestamptz), CAST(:id AS uuid)))
        ORDER BY {newest} DESC, mailing_id DESC LIMIT :looked_at
    ) AS mailings
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
        AND (CAST(:q AS text) IS NULL OR strpos(lower(name), lower(CAST(:q AS text))) > 0)
    ORDER BY newest DESC, mailing_id DESC LIMIT :limit
    """,
    columns=COLUMNS,
    superseded=SUPERSEDED,
    newest=NEWEST,
)


async def page(
    db: Connection,
    *,
    before: tuple[Instant, UUID] | None,
    q: str | None,
    status: str | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """Return up to `limit` mailings from behind a place, the newest first.

    `q` is part of the name, in any case.
    """
    is_all = q is None and status is None
    values = {
        "before": None if before is None else before[0],
        "id": None if before is None else before[1],
        "q": q,
        "status": status,
        "looked_at": limit if is_all else SEARCHED,
        "limit": limit,
    }
    return (await db.execute(PAGE, values)).all()


ONE = sql(
    """
    SELECT {columns}, {superseded} FROM mailings
    WHERE generation = (SELECT current FROM generations)
        AND mailing_id = :mailing_id AND deleted_at IS NULL
        AND (name IS NOT NULL OR run_count > 0)
    """,
    columns=COLUMNS,
    superseded=SUPERSEDED,
)


async def one(db: Connection, mailing_id: UUID) -> Row[Any] | None:
    """Return a mailing; None if there is none that people may see."""
    return (await db.execute(ONE, {"mailing_id": mailing_id})).first()


RUNS = sql(
    """
    SELECT run_id, nominal, scheduled_at, missed_at, missed_reason, finished_at, archived_at,
        greatest(planned_count, {with_event}) AS planned_count, attempt_count, {counts}
    FROM runs
    WHERE generation = (SELECT current FROM generations) AND mailing_id = :mailing_id
    ORDER BY coalesce(scheduled_at, missed_at, timestamptz '2200-01-01T00:00:00Z') DESC, run_id
    LIMIT :limit
    """,
    with_event=" + ".join(COUNTS),
    counts=", ".join(COUNTS),
)


async def runs(db: Connection, mailing_id: UUID) -> Sequence[Row[Any]]:
    """Return the newest runs of a mailing, the newest first."""
    values = {"mailing_id": mailing_id, "limit": NEWEST_RUNS}
    return (await db.execute(RUNS, values)).all()


def by_status(row: Row[Any]) -> dict[str, int]:
    """Return the messages of a row by status; they add up to `planned_count`."""
    counts = {state.value: int(getattr(row, f"{state}_count")) for state in COUNTED}
    return {"planned": int(row.planned_count) - sum(counts.values())} | counts


def recipients(row: Row[Any]) -> dict[str, Any] | None:
    """Return the figures of a row by client; None if nothing of it was sent again."""
    if row.superseded is None:
        return None
    superseded = {state.value: int(n) for state, n in zip(State, row.superseded, strict=True)}
    return by_client.recipients(ByStatus(**by_status(row)), superseded).model_dump()


def final_count(row: Row[Any]) -> int:
    """Return how many messages of a row are in a final status."""
    return sum(int(getattr(row, f"{state}_count")) for state in COUNTED if state != State.RETRY)


def next_at(row: Row[Any], now: Instant) -> Instant | None:
    """Return when a mailing runs next; None if it does not, or that is not known."""
    is_due = row.is_recurring and row.status in ("planned", "running")
    if not is_due or row.schedule is None:
        return None
    known = upcoming(row.schedule, finite(row.starts_at), finite(row.ends_at))
    return None if known is None else known.after(now)


def live_of(
    row: Row[Any], rate: float | None, now: Instant, *, shows_names: bool
) -> dict[str, Any]:
    """Return what people see of a mailing, as JSON is made of it."""
    left = int(row.planned_count) - final_count(row) if row.status == "running" else 0
    pace = rate if row.status == "running" else 0.0
    ends_at = row.run_ends_at or row.ends_at
    return {
        "mailing_id": row.mailing_id,
        "name": row.name if shows_names else None,
        "status": row.status,
        "created_at": row.created_at,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "is_recurring": row.is_recurring,
        "next_at": next_at(row, now),
        "run": {"number": int(row.run_count), "nominal": row.run_nominal},
        "planned": int(row.planned_count),
        "attempts": int(row.attempt_count),
        "by_status": by_status(row),
        "recipients": recipients(row),
        "rate_per_s": pace,
        "done_at": expected_end(left, pace, now),
        "will_expire": too_late(left, pace, now, ends_at and finite(ends_at)),
    }


def run_of(row: Row[Any]) -> dict[str, Any]:
    """Return what people see of a run."""
    return {
        "run_id": row.run_id,
        "nominal": row.nominal,
        "began_at": row.scheduled_at,
        "missed_at": row.missed_at,
        "missed_reason": row.missed_reason,
        "finished_at": row.finished_at,
        "planned": int(row.planned_count),
        "attempts": int(row.attempt_count),
        "by_status": by_status(row),
    }
