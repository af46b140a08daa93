"""The books: what statistics, ledger and gateway say of the same run, and whether they agree."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.api import PAGE, Api
from cli.render import Json, console
from cli.statistics.figures import FINAL, OPEN, STATUSES

AGREE_WITHIN_S = 20.0
POLL_INTERVAL_S = 0.3

# Figure; in the statistics, in the ledger, at the gateway; whether they agree.
Comparison: TypeAlias = tuple[str, int | None, int | None, int | None, bool]


@dataclass(frozen=True)
class Count:
    """What one of the books says of a run's messages."""

    by_status: Mapping[str, int]
    attempts: int
    messages: int

    @property
    def open(self) -> int:
        """How many are in no final state."""
        return sum(self.by_status.get(status, 0) for status in OPEN)


@dataclass(frozen=True)
class Books:
    """The same run in the books of all who know something of it."""

    imported: int  # clients
    statistics: Count
    reconciles: bool  # says stats of itself
    ledger: Count  # of the dispatcher
    gateway: Json  # the summary of its own ledger

    @property
    def comparisons(self) -> list[Comparison]:
        """Each figure as each of them has it."""
        stats, ledger, gateway = self.statistics, self.ledger, self.gateway
        accepted = gateway["accepted_distinct"]
        rows: list[Comparison] = []
        same = stats.messages == ledger.messages == self.imported
        rows.append(("planned", stats.messages, ledger.messages, None, same))
        for status in STATUSES:
            ours, theirs = stats.by_status.get(status, 0), ledger.by_status.get(status, 0)
            if status == "delivered":
                agrees = ours == theirs == accepted
                rows.append((status, ours, theirs, accepted, agrees))
            elif ours or theirs:
                rows.append((status, ours, theirs, None, ours == theirs and status in FINAL))
        again = gateway["accepted"] - accepted
        rows += [
            ("delivered twice", None, None, again, again == 0),
            ("attempts", stats.attempts, ledger.attempts, None, stats.attempts == ledger.attempts),
        ]
        return rows

    @property
    def agree(self) -> bool:
        """Whether every message is in a final state, and all say the same."""
        is_final = self.statistics.open == self.ledger.open == 0
        return is_final and self.reconciles and all(row[-1] for row in self.comparisons)


async def open_books(api: Api, run_id: str, imported: int, gateway: str) -> Books:
    """Open all books; again for a while if they do not agree, since one may be a moment behind."""
    loop = asyncio.get_running_loop()
    end = loop.time() + AGREE_WITHIN_S
    ledger = await _ledger(api, run_id, imported)
    while True:
        books = Books(
            imported=imported,
            statistics=await _statistics(api, run_id),
            reconciles=(await api.get("stats", "/v1/reconcile", {"run_id": run_id}))["reconciles"],
            ledger=ledger,
            gateway=await api.get(gateway, "/ledger/summary"),
        )
        if books.agree or loop.time() > end:
            return books
        await asyncio.sleep(POLL_INTERVAL_S)
        if loop.time() > end - AGREE_WITHIN_S / 2:
            ledger = await _ledger(api, run_id, imported)


async def _statistics(api: Api, run_id: str) -> Count:
    found = await api.get("stats", f"/v1/runs/{run_id}")
    return Count(found["by_status"], found["attempts"], found["planned"])


async def _ledger(api: Api, run_id: str, expected: int) -> Count:
    """Count the dispatcher's messages one by one: it is the ledger, not a sum, that must agree."""
    by_status: Counter[str] = Counter()
    messages: set[str] = set()
    attempts = 0
    screen = console(to_stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(
        *columns, console=screen, disable=not screen.is_terminal, transient=True
    ) as bars:
        task = bars.add_task("counting the ledger", total=expected)
        cursor: str | None = ""
        while cursor is not None:
            having = {"run_id": run_id, "limit": PAGE, "cursor": cursor or None}
            page = await api.get("dispatcher", "/v1/messages", having)
            by_status.update(each["status"] for each in page["items"])
            messages.update(each["message_id"] for each in page["items"])
            attempts += sum(each["attempts"] for each in page["items"])
            bars.update(task, completed=len(messages))
            cursor = page["next_cursor"]
    return Count(by_status, attempts, len(messages))
