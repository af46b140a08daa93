"""The ledger's totals of runs, as far as figures were compared with them."""

from typing import Any

from sqlalchemy import Row

from services.stats.queries.by_client import ByStatus
from shared.contracts.dispatcher import State
from shared.http import View


class LedgerView(View):
    """The dispatcher's totals of a finished run, compared with the figures shown here."""

    correction: int  # 0 as the run finished; messages that changed later make it grow
    by_status: ByStatus
    agrees: bool | None  # None: the newest totals were not compared yet
    differences: dict[State, int]  # by status, how many more there are here than in the ledger
    was_mended: bool  # the run was read again because of a difference
    is_cut: bool  # it cannot be mended: the log has not all of the run any more


def ledger_of(row: Row[Any]) -> LedgerView | None:
    """Return how a run's figures compare with the ledger; None if there is nothing to compare."""
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
