"""The progress of a mailing: live while it runs, until all of it has ended and is counted."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli import Exit, Failure, Output
from cli.api import Api
from cli.render import (
    NOTHING,
    Json,
    cell,
    console,
    duration,
    grid,
    instant,
    note,
    show_line,
    time_of_day,
)
from cli.statistics.figures import STATUSES, as_of, mailing_figures, open_of

POLL_INTERVAL_S = 0.5
LINE_EVERY_S = 2.0  # where there is no terminal
RATE_OVER_S = 4.0
AWAY_FOR_S = 60.0  # how long a service may be away while somebody watches
BAR = 40  # columns

SELECTS_NOBODY = (
    "It selects nobody: no client had what its filter asks for.\n"
    "  What to do: `./mailings clients list --tag TAG --operator-code CODE` shows who has what."
)


@dataclass(frozen=True)
class Progress:
    """How far a mailing is: as the catalog has it, and as stats counts it."""

    mailing: Json
    figures: Json | None  # None: no run is known yet
    rate_per_s: float | None = None  # messages that came to an end, of late; None: too early

    @property
    def planned(self) -> int:
        """How many messages there are."""
        return int(self.figures["planned"]) if self.figures else 0

    @property
    def done(self) -> int:
        """How many of them are in a final state."""
        return self.planned - open_of(self.figures) if self.figures else 0

    @property
    def runs(self) -> list[Json]:
        """The runs that stats knows."""
        runs = self.figures["runs"] if self.figures else []
        return runs if isinstance(runs, list) else []

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, and all of it is counted."""
        if self.mailing["status"] not in ("stopped", "finished"):
            return False
        if not self.runs:
            return bool(self.mailing["missed_reason"]) or self.mailing["status"] == "stopped"
        return all(each["missed_at"] or _is_done(each) for each in self.runs)

    @property
    def left_s(self) -> float | None:
        """How long it still takes at this rate; None while it is not known."""
        if not self.rate_per_s or not all(each["is_expanded"] for each in self.runs):
            return None
        return (self.planned - self.done) / self.rate_per_s

    @property
    def selects_nobody(self) -> bool:
        """Whether its runs are written down whole, and have no message."""
        return bool(self.runs) and not self.planned and all(e["is_expanded"] for e in self.runs)

    def as_json(self) -> Json:
        """Return it for programs."""
        return {
            "mailing_id": self.mailing["mailing_id"],
            "status": self.mailing["status"],
            "is_over": self.is_over,
            "planned": self.planned,
            "done": self.done,
            "rate_per_s": self.rate_per_s and round(self.rate_per_s, 1),
            "left_s": self.left_s and round(self.left_s, 1),
            "figures": self.figures,
        }


def _is_done(run: Json) -> bool:
    return bool(run["is_finished"]) and not open_of(run)


class Rate:
    """How fast a count has grown of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, now: float, count: int) -> float | None:
        """Return the growth per second over the last seconds up to `now` (monotonic)."""
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_OVER_S:  # noqa: PLR2004 (two)
            self._seen.popleft()
        then, before = self._seen[0]
        return (count - before) / (now - then) if now > then else None


async def progress(api: Api, mailing_id: UUID | str) -> AsyncIterator[Progress]:
    """Look at a mailing again and again, until it is over. Bears with services that are away.

    Raises:
        Failure: There is no such mailing, or a service was away for too long.
    """
    rate = Rate()
    seen = time.monotonic()
    while True:
        try:
            mailing = await api.get("catalog", f"/v1/mailings/{mailing_id}")
            figures = await mailing_figures(api, mailing_id)
        except Failure as failure:
            if failure.code is not Exit.UNAVAILABLE or time.monotonic() - seen > AWAY_FOR_S:
                raise
        else:
            seen = time.monotonic()
            now = Progress(mailing, figures)
            now = replace(now, rate_per_s=rate.at(seen, now.done))
            yield now
            if now.is_over:
                return
        await asyncio.sleep(POLL_INTERVAL_S)


async def watch(api: Api, mailing_id: UUID | str, output: Output = Output.TABLE) -> Progress:
    """Show how a mailing goes on until it is over; return how it ended.

    Raises:
        Failure: There is no such mailing, or a service was away for too long.
    """
    last: Progress | None = None
    with _view(output) as update:
        async for last in progress(api, mailing_id):
            update(last)
    assert last is not None  # noqa: S101 (it ends with the last one)
    if last.selects_nobody:
        note(SELECTS_NOBODY, "yellow")
    return last


@contextmanager
def _view(output: Output) -> Iterator[Callable[[Progress], None]]:
    """Give what shows progress: a picture on a terminal, else a line every few seconds."""
    screen = console()
    if output is Output.JSON:
        yield _every(LINE_EVERY_S, lambda now: show_line(now.as_json()))
    elif screen.is_terminal:
        with Live(console=screen, auto_refresh=False) as live:
            yield lambda now: live.update(picture(now), refresh=True)
    else:
        yield _every(LINE_EVERY_S, lambda now: screen.print(line(now)))


def _every(seconds: float, show: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Return what shows the first and the last, and between them no more often than that."""
    shown_at = -seconds

    def update(now: Progress) -> None:
        nonlocal shown_at
        if now.is_over or time.monotonic() - shown_at >= seconds:
            shown_at = time.monotonic()
            show(now)

    return update


def picture(now: Progress) -> RenderableType:
    """Return how a mailing goes, for a terminal."""
    head = Text.assemble(
        (cell(now.mailing["name"]).plain, "bold"), "  ", cell(now.mailing["status"]), "  ",
        (now.mailing["mailing_id"], "dim"),
    )  # fmt: skip
    bar = Table.grid(padding=(0, 2))
    total = now.planned or 1
    done = total if now.is_over else now.done  # nothing more will come: the bar is full
    bar.add_row(ProgressBar(total, done, width=BAR), Text(_amount(now)))
    counts = grid(*_counts(now))
    tail = Text(style="dim")
    if now.figures:
        tail.append(f"{now.figures['attempts']:,} attempts, as of ")
        tail.append(as_of(now.figures, time_of_day) or NOTHING)
    return Group(head, bar, counts, tail)


def line(now: Progress) -> Text:
    """Return how a mailing goes, in one line."""
    columns, [counts] = _counts(now)
    counted = ", ".join(f"{name} {n:,}" for name, n in zip(columns, counts, strict=True) if n)
    clock = f"{datetime.now(UTC).astimezone():%H:%M:%S %Z}"
    return Text("  ".join([clock, now.mailing["status"], _amount(now), counted]).rstrip())


def _counts(now: Progress) -> tuple[list[str], list[list[int]]]:
    by_status = now.figures["by_status"] if now.figures else dict.fromkeys(STATUSES, 0)
    return list(by_status), [list(by_status.values())]


def _amount(now: Progress) -> str:
    if not now.figures:
        return _waiting(now)
    if now.selects_nobody:
        return "selects nobody"
    share = 100 * now.done // (now.planned or 1)
    amount = f"{now.done:,} of {now.planned:,} ({share} %)"
    if now.rate_per_s is not None:
        amount += f"  {now.rate_per_s:,.0f}/s"
    if now.is_over or now.left_s is None:
        return amount
    return f"{amount}  {duration(now.left_s)} left"


def _waiting(now: Progress) -> str:
    if now.mailing["missed_reason"]:
        return f"missed: {now.mailing['missed_reason']}"
    starts_at = datetime.fromisoformat(now.mailing["starts_at"])
    if starts_at <= datetime.now(UTC):
        return "about to begin"
    return f"starts {instant(now.mailing['starts_at'])}"
