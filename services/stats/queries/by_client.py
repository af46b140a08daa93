"""By client: figures in which clients of several runs, by resends, count once, by the best."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.sql.selectable import LateralFromClause

from services.stats.tables import generations, resends
from shared.contracts.dispatcher import State
from shared.http import View


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


class Recipients(View):
    """Clients by status: of a client to whom a run was resent only the best message counts.

    Delivered is the best, and what may have arrived comes next. Of runs that are no resends of
    each other a client counts in each.
    """

    clients: int
    by_status: ByStatus


class Union(View):
    """A run and its resends, and the resends of these."""

    first_run_id: UUID
    runs: int
    messages: Figures = Field(description="The sums of all these runs.")
    recipients: Recipients


current = select(generations.c.current).scalar_subquery()

Superseded = Mapping[str, int]  # by state: messages that do not count by client
NAMES = tuple(f"superseded_{state}" for state in State)


def superseded_of(row: Any) -> Superseded:  # noqa: ANN401 - a row with NAMES
    """Return what does not count, of a row with such columns."""
    return {state.value: getattr(row, name) or 0 for state, name in zip(State, NAMES, strict=True)}


def columns() -> list[ColumnElement[Any]]:
    """Return what does not count of one run, as columns with NAMES."""
    return [resends.c[f"{s}_count"].label(name) for s, name in zip(State, NAMES, strict=True)]


def sums(*of: ColumnElement[bool]) -> LateralFromClause:
    """Return what does not count of all runs that meet conditions, as a row with NAMES."""
    added = [
        func.coalesce(func.sum(resends.c[f"{state}_count"]), 0).label(name)
        for state, name in zip(State, NAMES, strict=True)
    ]
    return select(*added).where(resends.c.generation == current, *of).lateral("superseded")


def recipients(by_status: ByStatus, superseded: Superseded) -> Recipients:
    """Return the figures by client of those by message."""
    counted = {
        state.value: max(getattr(by_status, state) - int(superseded[state]), 0) for state in State
    }
    return Recipients(clients=sum(counted.values()), by_status=ByStatus(**counted))


def added(figures: Iterable[Figures]) -> Figures:
    """Return what figures add up to."""
    all_figures = list(figures)
    by_status = {
        state.value: sum(getattr(f.by_status, state) for f in all_figures) for state in State
    }
    return Figures(
        planned=sum(each.planned for each in all_figures),
        attempts=sum(each.attempts for each in all_figures),
        by_status=ByStatus(**by_status),
    )


def added_superseded(many: Iterable[Superseded]) -> Superseded:
    """Return what counts of messages add up to."""
    all_counts = list(many)
    return {state.value: sum(each[state] for each in all_counts) for state in State}
