"""The progress of an outbox: until when all that was recorded is in Kafka, and up to where.

Statistics are as old as the oldest progress that they have read up to, whatever it is that holds
a database's events back.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from sqlalchemy import text

from shared import contracts, database, ids, kafka
from shared.clock import Monotonic, monotonic
from shared.contracts.platform import OutboxPublished
from shared.database import Connection, Pool, autocommit
from shared.event import Instant, Recorded
from shared.outbox.batch import Batch, recorded_batches
from shared.outbox.lease import RelayLease
from shared.outbox.producer import End

log = structlog.get_logger()

BUSY_INTERVAL_S = 0.5  # between two reports when records were acknowledged meanwhile
IDLE_INTERVAL_S = 0.6  # all figures are as old as the report of the service that does least
SLACK_S = 0.02  # a report may come so much too early: timers are not exact


class AcknowledgedEnds:
    """End offsets acknowledged so far, by topic and partition."""

    def __init__(self, ends: Mapping[str, Mapping[int, int]]) -> None:
        self._ends = {topic: dict(partitions) for topic, partitions in ends.items()}

    def update(self, ends: Iterable[End]) -> None:
        """Note what was acknowledged last."""
        for topic, partition, offset in ends:
            self._ends.setdefault(topic, {})[partition] = offset

    def by_topic(self) -> dict[str, list[int]]:
        """Return the ends of each topic, in the order of its partitions."""
        return {
            topic: [ends.get(number, 0) for number in range(max(ends, default=-1) + 1)]
            for topic, ends in self._ends.items()
        }


async def ends_at_takeover(servers: str, service: str) -> AcknowledgedEnds:
    """Return where the topics of `service` end, with all that earlier relays have sent.

    Read it under the lease: what an earlier relay sends later than that is sent again by us.

    Raises:
        Unavailable: Kafka cannot be reached, or a topic does not exist.
    """
    own = [each for each in contracts.TOPICS.values() if each.name.startswith(f"{service}.")]
    return AcknowledgedEnds({each.name: await kafka.end_offsets(servers, each) for each in own})


@dataclass
class Progress:
    """The progress of the outbox of `service`, for as long as one connection to Kafka lasts."""

    service: str
    ends: AcknowledgedEnds
    clock: Monotonic = monotonic
    wall: Callable[[], float] = time.time
    has_left: bool = field(init=False, default=False)  # see `next_report`
    _reported_at: float = field(init=False, default=float("-inf"))
    _due_at: float = field(init=False, default=float("-inf"))

    def acknowledged(self, ends: Iterable[End]) -> None:
        """Note what Kafka has acknowledged."""
        self.ends.update(ends)
        self._due_at = self._reported_at + BUSY_INTERVAL_S

    async def next_report(self, pool: Pool, lease: RelayLease) -> OutboxPublished | None:
        """Return the progress to publish; None if the last report is recent enough.

        All that was read from the outbox must be acknowledged or still be there. Afterwards
        `has_left` says whether something to be published was seen, or may be there unseen.
        """
        self.has_left = self.is_due()
        if not self.has_left:
            return None
        self._reported_at, self._due_at = self.clock(), self._next_idle_at()
        async with autocommit(pool) as db:
            published = await published_until(db, lease)
        if published is None:
            return None
        self.has_left = published.has_left
        ends = self.ends.by_topic()
        return OutboxPublished(database=self.service, as_of=published.until, ends=ends)

    def is_due(self) -> bool:
        """Return whether it is time for a report."""
        return self.due_in() <= SLACK_S

    def due_in(self) -> float:
        """Return in how many seconds the next report is due."""
        return self._due_at - self.clock()

    def _next_idle_at(self) -> float:
        """Return when the next report is due without news.

        All services report in the same moments by the clock on the wall, so that statistics take
        their reports in one transaction.
        """
        return self.clock() + IDLE_INTERVAL_S - (self.wall() + SLACK_S) % IDLE_INTERVAL_S


def batch_of(report: OutboxPublished, epoch: int | None) -> Batch:
    """Return a report as the relay with the lease of `epoch` sends it."""
    report_id = ids.new_id()
    recorded = Recorded(
        id=report_id,
        stream=f"outbox-{report.database}",
        version=epoch or 0,
        recorded_at=report.as_of,
        correlation_id=report_id,
        causation_id=None,
        traceparent=None,
        event=report,
    )
    [batch] = recorded_batches([(recorded, report.json())], report.database)
    return batch


# Transactions that have inserted into the outbox, or deleted from it: one that only reads it, as a
# backup does, holds another lock. Of sessions of another role it is hidden when they began.
WRITERS = text("""
    SELECT min(activity.xact_start) + (SELECT shift FROM clock) AS began_at,
        count(*) FILTER (WHERE coalesce(activity.state, 'disabled') = 'disabled') AS hidden
    FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locks.locktype = 'relation' AND locks.relation = CAST('outbox' AS regclass)
        AND locks.mode = 'RowExclusiveLock' AND locks.database = activity.datid
        AND activity.datname = current_database()
""")
OLDEST_ROW = text("""
    SELECT least(
        (SELECT min(recorded_at) FROM outbox), (SELECT min(recorded_at) FROM unpublished)
    ) AS recorded_at
    FROM relays WHERE name = 'outbox' AND owner = :owner AND epoch = :epoch
""")


class Published(NamedTuple):
    """Until when all is published, and whether anything is left to be."""

    until: Instant
    has_left: bool


async def published_until(db: Connection, lease: RelayLease) -> Published | None:
    """Return until when all is published; None if that is not known, or the lease is not ours.

    `db` commits each statement, and their order counts. A transaction that locks the outbox after
    `WRITERS` was read gives its row a later instant than `now`; one that did so before is among
    the writers, or has ended and `OLDEST_ROW` sees its row. And while the lease is ours, nobody
    else has deleted rows. What was set aside holds it back as well, until it is published or
    somebody gives it up.
    """
    now = await database.now(db)
    writers = (await db.execute(WRITERS)).one()
    row = (
        await db.execute(OLDEST_ROW, {"owner": lease.owner, "epoch": lease.epoch})
    ).one_or_none()
    if row is None:
        return None
    if writers.hidden:
        log.warning("relay.writers_hidden", hidden=writers.hidden)
        return None
    known = [each for each in (now, writers.began_at, row.recorded_at) if each is not None]
    return Published(min(known), has_left=row.recorded_at is not None)
