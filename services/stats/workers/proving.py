"""The proof: the figures of finished runs are compared with the ledger's totals, and mended.

The totals are in the log behind all events that they count. So once the statistics have passed
the end of those events, any difference is theirs; but a late success may have come since, whose
correction is on its way. A difference is mended once: the run is read again, from its first event.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from services.stats.domain.figures import differences, may_be_ahead
from services.stats.queue import mending, proofs, series
from services.stats.queue.proofs import Figures, Proof, Unproved
from shared import kafka, telemetry
from shared.contracts.dispatcher import MESSAGES, State
from shared.database import Connection, Pool, autocommit, transaction
from shared.kafka import Handlers, Listener, PositionsLost
from shared.loop import forever

log = structlog.get_logger()

EVERY = timedelta(seconds=1)
POLL_S = 0.1
WAIT_S = 30.0  # for the statistics to pass an end; then others get their turn
CORRECTION_S = 60.0  # a correction that takes longer than this will not come
SMALL = 1_000  # messages of a run that is compared together with others: a hundred take a moment
REST = 100  # times as long as comparing again took: a hundredth of the time when idle
REST_S = 5.0  # at least


@dataclass
class Prover:
    """Compares runs with the ledger; `handlers` gives those that apply one run's events."""

    pool: Pool
    servers: str
    consumer: str
    handlers: Callable[[UUID], Handlers]
    mender: Callable[[UUID | str], str]
    _ahead_since: dict[tuple[UUID, int], float] = field(init=False, default_factory=dict)
    _seen: Mapping[str, int] = field(init=False, default_factory=dict)
    _rests_until: float = field(init=False, default=0.0)

    async def step(self) -> bool:
        """Mend what was begun, else prove what is new, else prove again; return whether at all.

        Raises:
            Unavailable: Kafka or the database went away; it is tried again.
        """
        async with autocommit(self.pool) as db:
            work = await proofs.work(db, self.consumer, self.mender("%"))
        is_quiet, self._seen = work.positions == self._seen, work.positions
        may_prove_again = is_quiet and time.monotonic() >= self._rests_until
        if not work.is_waiting and not may_prove_again:
            return False
        async with proofs.turn(self.pool) as is_ours:
            if not is_ours:
                return False
            if await self._mend() or await self._prove_new():
                return True
            if may_prove_again:
                await self._prove_again()
            return False

    async def _prove_new(self) -> bool:
        """Compare runs with totals that have just come, once all that they count is applied."""
        async with autocommit(self.pool) as db:
            found = await proofs.unproved(db)
        if not found:
            return False
        ends = await kafka.end_offsets(self.servers, MESSAGES)
        if not await self._pass(ends):
            return False
        return any([await self._prove(runs) for runs in together(found)])

    async def _pass(self, ends: Mapping[int, int]) -> bool:
        """Wait until all before `ends` is applied; return whether it is."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            async with autocommit(self.pool) as db:
                at = await proofs.positions(db, self.consumer)
            if all(at.get(partition, 0) >= end for partition, end in ends.items()):
                return True
            await asyncio.sleep(POLL_S)
        return False

    async def _prove_again(self) -> None:
        """Compare the run whose comparison is the oldest, when there is nothing else to do."""
        async with autocommit(self.pool) as db:
            oldest = await proofs.proved_first(db)
        if oldest is not None:
            begun = time.monotonic()
            await self._prove([oldest])
            ended = time.monotonic()
            self._rests_until = ended + max(REST * (ended - begun), REST_S)

    async def _prove(self, runs: Sequence[Unproved]) -> bool:
        """Compare runs, all in one transaction; return whether that led to anything."""
        async with transaction(self.pool) as db:
            figures = await proofs.figures_of(db, [run.run_id for run in runs])
            compared = [
                proof
                for run in runs
                if run.run_id in figures and (proof := self._compare(run, figures[run.run_id]))
            ]
            if not compared:
                return False
            await proofs.store_proofs(db, compared)
            for run_id, _, more in compared:
                if more:
                    await self._begin_mending(db, run_id, figures[run_id], more)
            telemetry.measure("stats.runs.differing", await proofs.differing(db))
        for run_id, found in figures.items():
            if not found.has_series:  # another release has counted some
                async with transaction(self.pool) as db:
                    await series.recount(db, run_id)
        return True

    def _compare(self, run: Unproved, figures: Figures) -> Proof | None:
        """Return where a run differs from its totals; None while these may be corrected yet."""
        more = differences(figures.totals, figures.rows)
        if may_be_ahead(more) and self._may_be_corrected(run):
            return None
        self._ahead_since.pop((run.run_id, run.number), None)
        more = more or differences(figures.totals, figures.counters)
        return Proof(run.run_id, figures.number, more)

    def _may_be_corrected(self, run: Unproved) -> bool:
        key = run.run_id, run.number
        since = self._ahead_since.setdefault(key, time.monotonic())
        return time.monotonic() - since < CORRECTION_S

    async def _begin_mending(
        self, db: Connection, run_id: UUID, figures: Figures, more: Mapping[State, int]
    ) -> None:
        """Begin to read the run again, unless that was done for the same difference."""
        entry = {"number": figures.number, "difference": dict(more)}
        is_known = entry in figures.mended
        if figures.difference != dict(more) or not is_known:
            values = {"run_id": str(run_id), "difference": dict(more), "was_mended": is_known}
            log.error("stats.differs", **values)
        if not is_known:
            mender = self.mender(run_id)
            await mending.begin_mending(db, self.consumer, mender, run_id, entry)

    async def _mend(self) -> bool:
        """Read a run again; what dies in the middle goes on here. Return whether there was one."""
        async with autocommit(self.pool) as db:
            consumer = await mending.unfinished_mender(db, self.mender("%"))
        if consumer is None:
            return False
        run_id = UUID(consumer.rpartition(".")[2])
        async with autocommit(self.pool) as db:
            read_from = await mending.read_from(db, consumer, run_id)
        is_cut = bool(read_from) and not await self._read_again(consumer, run_id, read_from)
        async with transaction(self.pool) as db:
            await mending.end_mending(db, consumer, run_id, is_cut=is_cut)
        log.info("stats.mended", run_id=str(run_id), is_cut=is_cut)
        return True

    async def _read_again(self, consumer: str, run_id: UUID, read_from: Mapping[int, int]) -> bool:
        """Read a run again; return whether the log is known to have all of it.

        One that is read from the beginning of a log that was cut may have had more before.
        """
        starts = await kafka.start_offsets(self.servers, MESSAGES)
        handlers = self.handlers(run_id)
        listener = Listener(self.pool, self.servers, consumer, handlers, without_group=True)
        try:
            await listener.catch_up(await kafka.ends(self.servers, handlers))
        except PositionsLost as error:  # what is left may be too little: it is not read
            reason = str(error)
            log.error("stats.mending_impossible", run_id=str(run_id), reason=reason)  # noqa: TRY400 - the reason is enough
            return False
        return all(not start or start < read_from[each] for each, start in starts.items())


def together(runs: Sequence[Unproved]) -> Iterator[Sequence[Unproved]]:
    """Yield the runs in groups to be compared at once: the small ones together, then the rest."""
    small = [run for run in runs if run.planned <= SMALL]
    if small:
        yield small
    for run in runs:
        if run.planned > SMALL:
            yield [run]


async def prove_runs(prover: Prover) -> None:
    """Compare finished runs with the ledger, until cancelled."""
    await forever("prove", prover.step, every=EVERY)
