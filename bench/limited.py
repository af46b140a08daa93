"""What a rate limit costs a message, beside the same gateway without one, by turns."""

from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any, cast
from uuid import UUID

from msgspec.structs import replace

from bench.importing import import_clients
from bench.pipeline import Pipeline, send_mailing
from bench.rig import Rig
from deploy.local.stack import POSTGRES
from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.rate import Block, Rate
from services.dispatcher.handlers.flow import Flow
from services.dispatcher.handlers.jobs import Job

RATE = 1_000_000  # messages a second: far above what is reached
ROUNDS = 3
BATCH, BATCHES = 100, 5_000  # of messages, through the flow alone
ACCEPTED = Verdict(Outcome.ACCEPTED, "accepted", 200)
LIMITS = Limits(timeout_s=5, lease_s=10, backoff_base_s=2, backoff_cap_s=600)


@dataclass(frozen=True)
class Twin:
    """What a message cost with a limit, or without; the medians of some rounds."""

    rate_per_s: float
    dispatcher_us: float  # CPU of a message, in the pipeline
    postgres_us: float
    flow_us: float  # of what judges a message's turn, alone in a loop
    rounds: tuple[Pipeline, ...]


@dataclass(frozen=True)
class Limited:
    """A gateway without a limit, and with one that never holds."""

    limit_per_s: int
    without: Twin
    limited: Twin

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """All that was sent."""
        return (*self.without.rounds, *self.limited.rounds)


async def measure_limited(rig: Rig) -> Limited:
    """Send the same mailing without a limit and with one, by turns."""
    await import_clients(rig)
    rounds: dict[int | None, list[Pipeline]] = {None: [], RATE: []}
    for _ in range(ROUNDS):
        for rate, sent in rounds.items():
            await rig.limit(rate)
            sent.append(await send_mailing(rig))
    await rig.limit(None)
    return Limited(RATE, *(_twin(rate, sent) for rate, sent in rounds.items()))


def _twin(limit: int | None, sent: list[Pipeline]) -> Twin:
    def spent(process: str) -> float:
        return round(median(each.cpu_us_per_message[process] for each in sent), 2)

    return Twin(
        rate_per_s=round(median(each.rate_per_s for each in sent), 1),
        dispatcher_us=spent("dispatcher"),
        postgres_us=spent(POSTGRES),
        flow_us=round(median(flow_alone(limit) for _ in range(ROUNDS)), 3),
        rounds=tuple(sent),
    )


class _Ready:
    """A queue that always has a batch, so that nothing of what queues cost is measured."""

    def __init__(self) -> None:
        of_run: Any = None
        chunk, contact = ChunkKey(UUID(int=0), 0), Contact(None, None, None, None, None, None)
        self._jobs = [
            Job(of_run, f"{number:043d}", UUID(int=number), chunk, Progress(), contact)
            for number in range(BATCH)
        ]

    def __len__(self) -> int:
        return BATCH

    def take(self, limit: int, at: float) -> list[Job]:
        del limit, at
        return self._jobs


def flow_alone(limit: int | None) -> float:
    """Return what a message's turn costs at a gateway that works, in CPU microseconds.

    Needs a running event loop.
    """
    rate = None if limit is None else Rate(limit)
    # Nothing is drawn or shared here, so there is no database.
    flow = Flow(cast("Any", None), "http", replace(LIMITS, rate=rate), lambda: None, lambda: False)
    if rate is not None:
        flow._tokens.add(Block(BATCH * BATCHES, 0.0, 2.0))  # noqa: SLF001 - as if drawn
    ready = cast("Any", _Ready())
    begun = process_time()
    for _ in range(BATCHES):
        jobs = flow.take(ready, BATCH, 1.0)
        flow.taken(BATCH, 1.0)
        for job in jobs:
            flow.started(job.message_id)
            flow.answered(job, ACCEPTED, 1.0)
    return (process_time() - begun) / (BATCH * BATCHES) * 1e6
