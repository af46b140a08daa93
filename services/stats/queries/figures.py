"""The figures: what the runs' counts add up to, and how old that is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from services.stats import tables
from services.stats.queries.freshness import Freshness, rows_with_freshness
from services.stats.tables import generations, runs
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.errors import NotFound
from shared.event import Instant
from shared.http import View

OWN = (
    "run_id",
    "mailing_id",
    "is_expanded",
    "is_finished",
    "scheduled_at",
    "missed_at",
    "finished_at",
    "archived_at",
)
PROOF = ("totals", "totals_number", "proved_number", "difference", "mended", "is_cut")
JUST_NOW = datetime(2200, 1, 1, tzinfo=UTC)  # later than any run that is known
NEWEST = f"coalesce(mailings.last_run_at, timestamptz '{JUST_NOW:%Y-%m-%dT%H:%M:%SZ}')"
COUNTED = tuple(state for state in State if state is not State.PLANNED)


class ByStatus(View):
    """Messages by status; they add up to those that are planned."""

    planned: int = 0
    retry: int = 0
    delivered: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    undetermined: int = 0
    suppressed: int = 0


class Figures(View):
    """The figures of some runs: messages, attempts, messages by status."""

    planned: int
    attempts: int
    by_status: ByStatus


class TotalsView(Freshness, Figures):
    """The figures of everything."""

    mailings: int
    runs: int


class MailingStats(Figures):
    """The figures of a mailing."""

    mailing_id: UUID
    runs: int
    last_run_at: Instant | None  # scheduled or missed; None: not known yet

    @property
    def newest(self) -> tuple[Instant, UUID]:
        """Return the key of the list's order; without a known instant it has just begun."""
        return self.last_run_at or JUST_NOW, self.mailing_id


class LedgerView(View):
    """The dispatcher's totals of a finished run, compared with the figures shown here."""

    correction: int  # 0 as the run finished; messages that changed later make it grow
    by_status: ByStatus
    agrees: bool | None  # None: the newest totals were not compared yet
    differences: dict[State, int]  # by status, how many more there are here than in the ledger
    was_mended: bool  # the run was read again because of a difference
    is_cut: bool  # it cannot be mended: the log has not all of the run any more


class RunStats(Figures):
    """The figures of a run."""

    run_id: UUID
    mailing_id: UUID | None  # None: not known yet
    is_expanded: bool
    is_finished: bool
    scheduled_at: Instant | None
    missed_at: Instant | None
    finished_at: Instant | None
    archived_at: Instant | None  # from then on the figures are for good, and there are no messages
    ledger: LedgerView | None  # None: the run has not finished, or before there were totals


class RunView(Freshness, RunStats):
    """The figures of a run, and how old they are."""


class MailingView(Freshness, Figures):
    """The figures of a mailing and of each of its runs."""

    mailing_id: UUID
    runs: list[RunStats]


class RunUnknown(NotFound):
    """No run with this identifier is known."""


class MailingUnknown(NotFound):
    """No run of a mailing with this identifier is known."""


current = select(generations.c.current).scalar_subquery()

with_event: ColumnElement[int] = sum(
    (runs.c[f"{state}_count"] for state in COUNTED[1:]), runs.c[f"{COUNTED[0]}_count"]
)
# Topics overtake each other for moments: a message that had an event was planned, whether or not
# its chunk is known. So no figure is ever negative, and they always add up.
planned: ColumnElement[int] = func.greatest(runs.c.planned_count, with_event)


async def totals(db: Connection) -> TotalsView:
    """Return the figures of everything."""
    table = tables.totals.c
    parts = (table.mailing_count, table.run_count, *(table[name] for name in tables.SUMS))
    everything = select(*(func.coalesce(func.sum(each), literal(0)) for each in parts)).where(
        table.generation == current
    )
    fresh, found = await rows_with_freshness(db, everything)
    mailings, number, *sums = map(int, found[0][: len(parts)])
    return TotalsView(mailings=mailings, runs=number, **_figures(sums), **fresh)


async def mailings(
    db: Connection, *, before: tuple[Instant, UUID] | None, limit: int
) -> tuple[dict[str, Any], list[MailingStats]]:
    """Return the fields of `Freshness`, and up to `limit` mailings from behind a `newest` of one.

    The newest stands first.
    """
    table = tables.mailings.c
    newest: tuple[ColumnElement[Any], ...] = (literal_column(NEWEST), table.mailing_id)
    page = select(
        table.mailing_id, table.run_count, table.last_run_at, *(table[n] for n in tables.SUMS)
    ).where(table.generation == current, table.run_count > 0)
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    page = page.order_by(*(each.desc() for each in newest)).limit(limit)
    fresh, found = await rows_with_freshness(db, page)
    views = [
        MailingStats(mailing_id=identifier, runs=number, last_run_at=instant, **_figures(sums))
        for identifier, number, instant, *sums in map(tuple, found)
    ]
    return fresh, sorted(views, key=lambda each: each.newest, reverse=True)


async def mailing(db: Connection, mailing_id: UUID) -> MailingView:
    """Return a mailing with its runs.

    Raises:
        MailingUnknown: No run of it is known.
    """
    fresh, found = await rows_with_freshness(db, _run().where(runs.c.mailing_id == mailing_id))
    views = sorted((RunStats(**_run_fields(row)) for row in found), key=lambda run: run.run_id)
    if not views:
        raise MailingUnknown
    by_status = {
        state.value: sum(getattr(each.by_status, state) for each in views) for state in State
    }
    return MailingView(
        mailing_id=mailing_id,
        planned=sum(each.planned for each in views),
        attempts=sum(each.attempts for each in views),
        by_status=ByStatus(**by_status),
        runs=views,
        **fresh,
    )


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return a run.

    Raises:
        RunUnknown: It is not known.
    """
    fresh, found = await rows_with_freshness(db, _run().where(runs.c.run_id == run_id))
    if not found:
        raise RunUnknown
    return RunView(**_run_fields(found[0]), **fresh)


def _figures(sums: Sequence[int]) -> dict[str, Any]:
    total, attempts, *counts = map(int, sums[: 2 + len(COUNTED)])
    by_status = dict(zip((state.value for state in COUNTED), counts, strict=True))
    by_status["planned"] = total - sum(counts)
    return {"planned": total, "attempts": attempts, "by_status": ByStatus(**by_status)}


def _run() -> Select[Any]:
    """Select a run's own fields, then its figures: planned, attempts, and counts by state."""
    table = runs.c
    return select(
        table.run_id,
        table.mailing_id,
        table.expected_count.is_not(None).label("is_expanded"),
        table.finished_at.is_not(None).label("is_finished"),
        table.scheduled_at,
        table.missed_at,
        table.finished_at,
        table.archived_at,
        table.totals,
        table.totals_number,
        table.proved_number,
        table.difference,
        table.mended,
        table.is_cut,
        planned,
        table.attempt_count,
        *(table[f"{state}_count"] for state in COUNTED),
    ).where(table.generation == current)


def _run_fields(row: Row[Any]) -> dict[str, Any]:
    own = dict(zip(OWN, row, strict=False))
    return own | {"ledger": _ledger(row)} | _figures(row[len(OWN) + len(PROOF) :])


def _ledger(row: Row[Any]) -> LedgerView | None:
    if row.totals is None:
        return None
    is_compared = row.proved_number == row.totals_number
    is_cut = row.is_cut and row.difference is not None
    return LedgerView(
        correction=row.totals_number,
        by_status=ByStatus(**row.totals),
        agrees=row.difference is None if is_compared else None,
        differences=row.difference or {},
        was_mended=bool(row.mended) and not is_cut,
        is_cut=is_cut,
    )
