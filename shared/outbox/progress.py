"""The progress of an outbox: until when all that was recorded is in Kafka, and up to where.

Statistics are as old as the oldest progress that they have read up to, whatever it is that holds
a database's events back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    _has_news: bool = field(init=False, default=True)
    _reported_at: float = field(init=False, default=float("-inf"))

    def acknowledged(self, ends: Iterable[End]) -> None:
        """Note what Kafka has acknowledged."""
        self.ends.update(ends)
        self._has_news = True

    async def next_report(self, pool: Pool, lease: RelayLease) -> OutboxPublished | None:
        """Return the progress to publish; None if the last report is recent enough.

        All that was read from the outbox must be acknowledged or still be there.
        """
        interval = BUSY_INTERVAL_S if self._has_news else IDLE_INTERVAL_S
        began = self.clock()
        if began - self._reported_at < interval:
            return None
        self._reported_at, self._has_news = began, False
        async with autocommit(pool) as db:
            as_of = await published_until(db, lease)
        if as_of is None:
            return None
        return OutboxPublished(database=self.service, as_of=as_of, ends=self.ends.by_topic())


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


async def published_until(db: Connection, lease: RelayLease) -> Instant | None:
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
    return min(each for each in (now, writers.began_at, row.recorded_at) if each is not None)
