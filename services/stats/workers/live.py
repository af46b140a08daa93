"""The live figures: who watches is sent what changes, twice a second at most.

Asleep while nobody watches or reads. What is sent is whole states of mailings, never differences:
to get one twice, or to miss one, does no harm.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from services.stats.domain.live import Pace
from services.stats.handlers.reading import PublicReads
from services.stats.queries import live
from shared import liveness, telemetry
from shared.database import Connection, autocommit
from shared.errors import Unavailable
from shared.loop import Backoff, goes_on

TURN_S = 0.25
FRAME_S = 0.5
BEAT_S = 5.0
AWAKE_S = 15.0  # after a read that no watcher made: who polls wants to know how fast it goes
ASLEEP_S = 3_600.0
STAYS_S = 60.0  # a mailing that is over is in snapshots for so long
UNFINISHED = ("planned", "running", "paused")


@dataclass
class Hub:
    """Looks at the figures for everybody who watches."""

    reads: PublicReads
    _since: int = field(init=False, default=0)  # 0: everything is to be read
    _generation: int = field(init=False, default=0)
    _head: live.Head | None = field(init=False, default=None)
    _shown: live.Head | None = field(init=False, default=None)  # of what was sent last
    _rows: dict[UUID, tuple[live.MailingRow, float]] = field(init=False, default_factory=dict)
    _sent: dict[UUID, dict[str, Any]] = field(init=False, default_factory=dict)
    _gone: set[UUID] = field(init=False, default_factory=set)
    _totals: dict[str, Any] = field(init=False, default_factory=dict)
    _framed_at: float = field(init=False, default=0.0)
    _pace: Pace[UUID] = field(init=False, default_factory=Pace)
    _shared: tuple[live.Head | None, bytes] = field(init=False, default=(None, b""))  # snapshot

    async def run(self) -> None:
        """Look at the figures while somebody watches, until cancelled."""
        backoff = Backoff("live")
        with liveness.running("live") as own:
            while goes_on():
                own.beat()
                if not self._is_wanted():
                    self._since, self.reads.broadcast.snapshot = 0, None
                    await self.reads.broadcast.alarm.sleep(ASLEEP_S)
                    continue
                begun = time.monotonic()
                try:
                    async with autocommit(self.reads.pool) as db:
                        await self._turn(db, begun)
                except Unavailable as error:
                    await backoff.wait(error)
                    continue
                backoff.succeeded()
                telemetry.observe("stats.live.turn", time.monotonic() - begun)
                with liveness.waiting(TURN_S):
                    await asyncio.sleep(TURN_S)

    def _is_wanted(self) -> bool:
        is_read = time.monotonic() - self.reads.wanted_at < AWAKE_S
        return self.reads.broadcast.watchers > 0 or (self.reads.wanted_at > 0 and is_read)

    async def _turn(self, db: Connection, at: float) -> None:
        """Read what has changed since the last turn, and send it when it is time."""
        head = await live.head(db)
        # Of a restored database transactions begin anew; of another generation so do all rows.
        is_new = head.generation != self._generation or not self._since
        is_new = is_new or head.oldest_open < self._since
        if is_new:
            rows = await live.unfinished(db, head.generation)
            self._begin(head)
        else:
            rows = await live.changed(db, head.generation, self._since)
        self._since, self._head = head.oldest_open, head
        self._take(rows, at)
        if is_new:
            self.reads.broadcast.snapshot = self._snapshot
            self._changes(at)
            self.reads.broadcast.restart(head.generation)
            self._framed_at = at
        elif at - self._framed_at >= FRAME_S:
            self._send(head, at)

    def _begin(self, head: live.Head) -> None:
        self._generation = head.generation
        self._rows.clear()
        self._sent.clear()
        self._gone.clear()
        self._pace.begin()
        self.reads.rates.clear()

    def _take(self, rows: Iterable[live.MailingRow], at: float) -> None:
        for row in rows:
            key = row.mailing_id
            known = self._rows.get(key)
            if known is not None and known[0] == row:
                continue
            if row.deleted_at is not None:
                self._rows.pop(key, None)
                self._gone.add(key)
                continue
            self._rows[key] = row, at
            if row.status in UNFINISHED:
                self._pace.see(key, live.final_count(row), at)
        over = [
            key
            for key, (row, changed_at) in self._rows.items()
            if row.status not in UNFINISHED and at - changed_at > STAYS_S
        ]
        for key in over:
            del self._rows[key]
            self._sent.pop(key, None)
            self._pace.forget(key)
            self.reads.rates.pop(key, None)

    def _changes(self, at: float) -> list[dict[str, Any]]:
        """Return the mailings that are not as they were sent last, as they are now."""
        head, changed = self._head, []
        assert head is not None  # noqa: S101 - a turn has begun
        self._shown = head
        for key, (row, _) in self._rows.items():
            rate = self.reads.rates[key] = self._pace.rate(key, at)
            shown = live.live_of(row, rate, head.now, shows_names=self.reads.shows_names)
            if shown != self._sent.get(key):
                self._sent[key] = shown
                changed.append(shown)
        return changed

    def _send(self, head: live.Head, at: float) -> None:
        changed, gone = self._changes(at), sorted(self._gone)
        totals = self._totals_now(head)
        data: dict[str, Any] = {**head.fresh}
        if changed or gone or totals != self._totals:
            data |= {"totals": totals, "changed": changed, "gone": gone}
            self._totals = totals
            self._gone.clear()
            for key in gone:
                self._sent.pop(key, None)
                self._pace.forget(key)
                self.reads.rates.pop(key, None)
            self.reads.broadcast.send("delta", msgspec.json.encode(data))
            self._framed_at = at
        elif at - self._framed_at >= BEAT_S:
            self.reads.broadcast.send("beat", msgspec.json.encode(data))
            self._framed_at = at

    def _totals_now(self, head: live.Head) -> dict[str, Any]:
        """Return the sums of everything; runs of what is paused count apart, and have no rate."""
        paused, pace = 0, 0.0
        for key, (row, _) in self._rows.items():
            if row.status == "paused":
                paused += int(row.open_count)
            else:
                pace += self.reads.rates.get(key) or 0.0
        return {
            **head.totals,
            "running": max(head.totals["running"] - paused, 0),
            "paused": paused,
            "rate_per_s": float(f"{pace:.3g}"),
        }

    def _snapshot(self) -> bytes:
        """Return the state of everything as it was sent last, as a frame; of a turn it is one."""
        head = self._shown
        assert head is not None  # noqa: S101 - a turn has begun
        if self._shared[0] is not head:
            data = {
                **head.fresh,
                "totals": self._totals_now(head),
                "mailings": list(self._sent.values()),
            }
            frame = self.reads.broadcast.frame("snapshot", msgspec.json.encode(data))
            self._shared = head, frame
        return self._shared[1]


async def watch_figures(hub: Hub) -> None:
    """Look at the figures for everybody who watches, until cancelled."""
    await hub.run()
