"""The figures: what the runs' counts add up to, and how old that is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)

from services.stats import tables
from services.stats.queries import by_client
from services.stats.queries.by_client import ByStatus, Figures, Recipients, Union, current
from services.stats.queries.freshness import Freshness, rows_with_freshness
from services.stats.queries.ledger import LedgerView, ledger_of
from services.stats.tables import resends, runs
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.errors import NotFound
from shared.event import Instant

OWN = (
    "run_id",
    "mailing_id",
    "is_expanded",
    "is_finished",
    "scheduled_at",
    "missed_at",
    "missed_reason",
    "nominal",
    "finished_at",
    "archived_at",
)
PROOF = ("totals", "totals_number", "proved_number", "difference", "mended", "is_cut")
JUST_NOW = datetime(2200, 1, 1, tzinfo=UTC)  # later than any run that is known
NEWEST = f"coalesce(mailings.last_run_at, timestamptz '{JUST_NOW:%Y-%m-%dT%H:%M:%SZ}')"
COUNTED = tuple(state for state in State if state is not State.PLANNED)


class TotalsView(Freshness, Figures):
    """The figures of everything."""

    mailings: int
    runs: int
    recipients: Recipients


class MailingStats(Figures):
    """The figures of a mailing."""

    mailing_id: UUID
    runs: int
    recipients: Recipients
    last_run_at: Instant | None  # scheduled or missed; None: not known yet

    @property
    def newest(self) -> tuple[Instant, UUID]:
        """Return the key of the list's order; without a known instant it has just begun."""
        return self.last_run_at or JUST_NOW, self.mailing_id


class RunStats(Figures):
    """The figures of a run."""

    run_id: UUID
    mailing_id: UUID | None  # None: not known yet
    is_expanded: bool
    is_finished: bool
    scheduled_at: Instant | None
    missed_at: Instant | None
    missed_reason: str | None = Field(description="None also: it was in an older release.")
    nominal: str | None = Field(
        description="Names the occurrence: once, or a local time and its zone.",
        examples=["2026-03-01T09:00[Europe/Moscow]"],
    )
    finished_at: Instant | None
    archived_at: Instant | None  # from then on the figures are for good, and there are no messages
    ledger: LedgerView | None  # None: the run has not finished, or before there were totals
    resend_of: UUID | None  # the run of which this one sends some again
    resent_as: list[UUID]  # runs that send some of this one again
    union: Union | None  # None: it neither is a resend nor has one


class RunView(Freshness, RunStats):
    """The figures of a run, and how old they are."""


class MailingView(Freshness, Figures):
    """The figures of a mailing and of each of its runs."""

    mailing_id: UUID
    recipients: Recipients
    runs: list[RunStats]


class RunUnknown(NotFound):
    """No run with this identifier is known."""


class MailingUnknown(NotFound):
    """No run of a mailing with this identifier is known."""


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
    all_sums = everything.subquery("all_sums")
    superseded = by_client.sums()
    both = select(all_sums, superseded).select_from(all_sums.join(superseded, true()))
    fresh, found = await rows_with_freshness(db, both)
    mailings, number, *sums = map(int, found[0][: len(parts)])
    return TotalsView(mailings=mailings, runs=number, **_with_recipients(sums, found[0]), **fresh)


async def mailings(
    db: Connection,
    *,
    before: tuple[Instant, UUID] | None,
    limit: int,
    mailing_ids: Sequence[UUID] | None = None,
) -> tuple[dict[str, Any], list[MailingStats]]:
    """Return the fields of `Freshness`, and up to `limit` mailings from behind a `newest` of one.

    The newest stands first; only `mailing_ids`, if they are named.
    """
    table = tables.mailings.c
    newest: tuple[ColumnElement[Any], ...] = (literal_column(NEWEST), table.mailing_id)
    superseded = by_client.sums(resends.c.mailing_id == table.mailing_id)
    columns = (table.mailing_id, table.run_count, table.last_run_at)
    page = (
        select(*columns, *(table[n] for n in tables.SUMS), superseded)
        .select_from(tables.mailings.join(superseded, true()))
        .where(table.generation == current, table.run_count > 0)
    )
    if mailing_ids is not None:
        page = page.where(table.mailing_id.in_(mailing_ids))
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    page = page.order_by(*(each.desc() for each in newest)).limit(limit)
    fresh, found = await rows_with_freshness(db, page)
    views = [
        MailingStats(
            mailing_id=row.mailing_id,
            runs=row.run_count,
            last_run_at=row.last_run_at,
            **_with_recipients(row[len(columns) :], row),
        )
        for row in found
    ]
    return fresh, sorted(views, key=lambda each: each.newest, reverse=True)


async def mailing(db: Connection, mailing_id: UUID) -> MailingView:
    """Return a mailing with its runs.

    Raises:
        MailingUnknown: No run of it is known.
    """
    fresh, found = await rows_with_freshness(db, _run().where(runs.c.mailing_id == mailing_id))
    if not found:
        raise MailingUnknown
    views = sorted(_run_views(found), key=lambda run: run.run_id)
    figures = by_client.added(views)
    superseded = by_client.added_superseded(map(by_client.superseded_of, found))
    return MailingView(
        mailing_id=mailing_id,
        planned=figures.planned,
        attempts=figures.attempts,
        by_status=figures.by_status,
        recipients=by_client.recipients(figures.by_status, superseded),
        runs=views,
        **fresh,
    )


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return a run.

    Raises:
        RunUnknown: It is not known.
    """
    own = select(resends.c.first_run_id).where(
        resends.c.generation == current, resends.c.run_id == run_id
    )
    is_of_family = resends.c.first_run_id == own.scalar_subquery()
    wanted = _run().where((runs.c.run_id == run_id) | is_of_family)
    fresh, found = await rows_with_freshness(db, wanted)
    for view in _run_views(found):
        if view.run_id == run_id:
            return RunView(**view.model_dump(), **fresh)
    raise RunUnknown


def _figures(sums: Sequence[int]) -> dict[str, Any]:
    total, attempts, *counts = map(int, sums[: 2 + len(COUNTED)])
    by_status = dict(zip((state.value for state in COUNTED), counts, strict=True))
    by_status["planned"] = total - sum(counts)
    return {"planned": total, "attempts": attempts, "by_status": ByStatus(**by_status)}


def _with_recipients(sums: Sequence[Any], row: Row[Any]) -> dict[str, Any]:
    figures = _figures(sums)
    superseded = by_client.superseded_of(row)
    return figures | {"recipients": by_client.recipients(figures["by_status"], superseded)}


def _run() -> Select[Any]:
    """Select a run's own fields, then its figures: planned, attempts, and counts by state.

    Behind them stands of which family it is, if of any, and what of it does not count by client.
    """
    table = runs.c
    own = (resends.c.generation == table.generation) & (resends.c.run_id == table.run_id)
    return (
        select(
            table.run_id,
            table.mailing_id,
            table.expected_count.is_not(None).label("is_expanded"),
            table.finished_at.is_not(None).label("is_finished"),
            table.scheduled_at,
            table.missed_at,
            table.missed_reason,
            table.nominal,
            table.finished_at,
            table.archived_at,
            *(table[name] for name in PROOF),
            planned,
            table.attempt_count,
            *(table[f"{state}_count"] for state in COUNTED),
            resends.c.first_run_id,
            resends.c.resent_from,
            *by_client.columns(),
        )
        .select_from(runs.outerjoin(resends, own))
        .where(table.generation == current)
    )


def _run_views(rows: Sequence[Row[Any]]) -> list[RunStats]:
    """Return runs, with the families of those whose families are among them."""
    families: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        families.setdefault(row.first_run_id or row.run_id, []).append(row)
    return [view for family in families.values() for view in _family_views(family)]


def _family_views(rows: Sequence[Row[Any]]) -> list[RunStats]:
    fields = [_run_fields(row) for row in rows]
    union = None
    if len(rows) > 1:
        messages = by_client.added(Figures(**each) for each in map(_messages, rows))
        superseded = by_client.added_superseded(map(by_client.superseded_of, rows))
        union = Union(
            first_run_id=rows[0].first_run_id,
            runs=len(rows),
            messages=messages,
            recipients=by_client.recipients(messages.by_status, superseded),
        )
    return [
        RunStats(
            **own,
            resend_of=row.resent_from,
            resent_as=sorted(each.run_id for each in rows if each.resent_from == row.run_id),
            union=union,
        )
        for own, row in zip(fields, rows, strict=True)
    ]


def _run_fields(row: Row[Any]) -> dict[str, Any]:
    own = dict(zip(OWN, row, strict=False))
    return own | {"ledger": ledger_of(row)} | _messages(row)


def _messages(row: Row[Any]) -> dict[str, Any]:
    return _figures(row[len(OWN) + len(PROOF) :])
