"""The rebuild: all tables anew from the log, while the old ones answer and are kept up.

A generation of its own is filled by a consumer of its own, and takes the current one's place in
one transaction. Whatever dies before that leaves everything as it was; the next rebuild deletes
what was left.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from itertools import islice

from services.stats.queue import generations
from shared.contracts.dispatcher import MESSAGES, RUNS
from shared.database import Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.kafka import (
    Handlers,
    Listener,
    Positions,
    PositionsLost,
    ends,
    hold_positions,
    transfer_positions,
)
from shared.loop import goes_on
from shared.topic import Topic

LANES = 2  # while one waits for the database, the other decodes
BATCH = 10_000  # records
NEARLY = 10_000  # records behind: to read those on keeps the live consumer waiting for a moment
PROGRESS_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of a rebuild."""

    generation: int
    messages: int  # that have had an event
    events: int  # records of `dispatcher.messages`, blocks among them
    records: int  # of all topics
    seconds: float  # until the new generation was read
    rate_per_s: float  # messages
    deleted_rows: int  # of older generations


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A rebuild, with what it works on: `handlers` returns those that fill a generation."""

    pool: Pool
    servers: str
    consumer: str
    handlers: Callable[[int], Handlers]
    may_be_cut: Collection[Topic] = ()  # topics of which there may be less than was written

    async def run(self, report: Callable[[str], None]) -> Rebuilt:
        """Fill a new generation and switch to it.

        Raises:
            RebuildAlreadyRunning: There can be one at a time.
            Unavailable: Kafka or the database went away; nothing has changed.
        """
        async with generations.turn(self.pool):
            await generations.clear(self.pool, self._name("%"))
            begun = time.monotonic()
            async with transaction(self.pool) as db:
                generation = await generations.begin(db)
            filler = self._filler(generation)
            began = await filler.begin(list(await ends(self.servers, filler.handlers)))
            at = await self._fill(filler, report)
            at = await self._switch(filler, generation, at)
            seconds = time.monotonic() - begun
            deleted = await generations.clear(self.pool, self._name("%"))
        async with autocommit(self.pool) as db:
            messages = await generations.messages(db)
        read = {each: at[each] - began[each] for each in at}
        return Rebuilt(
            generation=generation,
            messages=messages,
            events=sum(read[each] for each in read if each.topic == MESSAGES.name),
            records=sum(read.values()),
            seconds=round(seconds, 3),
            rate_per_s=round(messages / seconds, 1),
            deleted_rows=deleted,
        )

    def _name(self, generation: int | str) -> str:
        return f"{self.consumer}.rebuild.{generation}"

    def _filler(self, generation: int) -> Listener:
        name, handlers = self._name(generation), self.handlers(generation)
        return Listener(
            self.pool,
            self.servers,
            name,
            handlers,
            without_group=True,
            batch=BATCH,
            may_be_cut=self.may_be_cut,
        )

    async def _fill(self, filler: Listener, report: Callable[[str], None]) -> Positions:
        """Read until nearly nothing is left; return how far that is at least."""
        at: Positions = {}
        while True:
            until = await ends(self.servers, filler.handlers)
            behind = sum(until.values()) - sum(at.values())
            if at and behind < NEARLY:
                return at
            reporting = asyncio.create_task(
                self._report(filler.consumer, sum(until.values()), report)
            )
            try:
                await _catch_up(filler, until)
            finally:
                reporting.cancel()
            at = until

    async def _switch(self, filler: Listener, generation: int, at: Positions) -> Positions:
        """Read on to where the live consumer is, which waits meanwhile; take its place."""
        async with transaction(self.pool) as db:
            await generations.analyze(db)
        async with transaction(self.pool) as db:
            held = await hold_positions(db, self.consumer, at)
            until = {each: max(held[each], at[each]) for each in at}
            await _catch_up(filler, until)
            await generations.switch(db, generation)
            await transfer_positions(db, self.consumer, filler.consumer)
        return until

    async def _report(self, consumer: str, records: int, report: Callable[[str], None]) -> None:
        begun = time.monotonic()
        while goes_on():
            await asyncio.sleep(PROGRESS_EVERY_S)
            async with transaction(self.pool) as db:
                done = await generations.progress(db, consumer)
            rate = done / (time.monotonic() - begun)
            report(f"{done:,} of {records:,} records, {rate:,.0f} per second")


async def _catch_up(filler: Listener, until: Positions) -> None:
    """Read up to `until`; first what says which runs are archived: their messages go unwritten."""
    first = {each: end for each, end in until.items() if each.topic == RUNS.name}
    rest = {each: end for each, end in until.items() if each.topic != RUNS.name}
    for part in (first, rest):
        lanes = [dict(islice(part.items(), lane, None, LANES)) for lane in range(LANES)]
        async with asyncio.TaskGroup() as tasks:
            for each in filter(None, lanes):
                tasks.create_task(filler.catch_up(each))


async def report(rebuild: Rebuild, *, as_json: bool) -> None:
    """Run a rebuild; print its progress for people, or its result for machines.

    Raises:
        SystemExit: It could not be done.
    """
    out = sys.stderr if as_json else sys.stdout

    def report(line: str) -> None:
        out.write(f"{line}\n")
        out.flush()

    try:
        rebuilt = await rebuild.run(report)
    except* generations.RebuildAlreadyRunning:
        raise SystemExit(generations.RebuildAlreadyRunning.__doc__) from None
    except* PositionsLost as errors:
        raise SystemExit(f"nothing has changed: {errors.exceptions[0]}") from None
    except* Unavailable as errors:
        cause = errors.exceptions[0].__cause__
        advice = "Kafka or PostgreSQL is away; nothing has changed, try again"
        raise SystemExit(f"{advice}: {cause}") from None
    if as_json:
        sys.stdout.write(json.dumps(asdict(rebuilt)) + "\n")
    else:
        report(
            f"rebuilt: {rebuilt.messages:,} messages in {rebuilt.seconds:.1f} s, "
            f"{rebuilt.rate_per_s:,.0f} per second (generation {rebuilt.generation})"
        )
