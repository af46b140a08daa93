"""The tables that every service has: its log, its outbox, and how far it has read others."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from shared.event import finite


class Timestamp(TypeDecorator[datetime]):
    """A column of instants. Each comes back with its zone: what is compared with it must not fail.

    It would for PostgreSQL's infinities, as which the driver stores year 1's first instant and
    year 9999's last.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Any,  # noqa: ANN401, ARG002 - SQLAlchemy's signature
    ) -> datetime | None:
        """Return an instant with its zone."""
        return None if value is None else finite(value)


metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("stream", Text, nullable=False, comment="<noun>-<uuid>"),
    Column("version", Integer, nullable=False, comment="of the stream, from 1 without gaps"),
    Column("id", Uuid, nullable=False, comment="derived from stream and version, so as unique"),
    Column("type", Text, nullable=False, comment="as in MailingPaused.v1"),
    Column("data", JSON, nullable=False, comment="jsonb would cost half as much again"),
    Column("recorded_at", Timestamp, nullable=False),
    Column("correlation_id", Uuid, nullable=False),
    Column("causation_id", Uuid),
    Column("traceparent", Text),
    PrimaryKeyConstraint("stream", "version", name="events_stream_version_key"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("version", Integer, nullable=False, comment="of the stream, whose state then it is"),
    Column("shape", Integer, nullable=False, comment="shared.decider.Snapshots"),
    Column("data", JSON, nullable=False),
    comment="states of long streams; they follow from the events, and may be deleted",
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("recorded_at", Timestamp, nullable=False),
    Column("batches", LargeBinary, nullable=False, comment="shared.outbox.Batch, msgpack"),
    Index("outbox_recorded_at_idx", "recorded_at"),
    comment="a row per transaction; the relay deletes it once Kafka has all of it",
)

unpublished = Table(
    "unpublished",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("recorded_at", Timestamp, nullable=False, comment="of the outbox's row"),
    Column("topic", Text, comment="none: the row could not be decoded"),
    Column("key", LargeBinary, comment="whose later events wait; none as above"),
    Column("batches", LargeBinary, nullable=False, comment="as in the outbox, of one record"),
    Column("reason", Text, nullable=False),
    Column("is_held", Boolean, nullable=False, comment="it only waits"),
    Column(
        "is_requested",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="somebody wants it to be tried again",
    ),
    comment="events that Kafka refused, and those behind them, in the order of publishing",
)

relays = Table(
    "relays",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Uuid, comment="the relay at work; none if it was released"),
    Column("epoch", BigInteger, nullable=False, comment="grows with every change of the owner"),
    Column("beat", BigInteger, nullable=False, comment="grows while the owner lives"),
    comment="the lease of the relay that publishes the outbox",
)

offsets = Table(
    "offsets",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, comment="the next offset to be applied"),
    Column("as_of", Timestamp, comment="applied is all until then"),
    PrimaryKeyConstraint("consumer", "topic", "partition", name="offsets_pkey"),
    comment="how far a consumer is; commits together with what it applied",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded_at", Timestamp, nullable=False),
    Column("key", Uuid, comment="whose later records wait; none: no others wait for this one"),
    Column("is_held", Boolean, nullable=False, server_default=false(), comment="it only waits"),
    Column(
        "is_requested",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="somebody wants it to be tried again",
    ),
    PrimaryKeyConstraint("consumer", "topic", "partition", "offset", name="dead_letters_pkey"),
    Index("dead_letters_key", "key", postgresql_where=text("key IS NOT NULL")),
    comment="records that could not be applied; the value stays in Kafka",
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("loop", Text, nullable=False),
    Column("item", Uuid, nullable=False, comment="a mailing, a run, whatever the loop works on"),
    Column("failures", Integer, nullable=False, comment="in succession"),
    Column("reason", Text, nullable=False),
    Column("set_aside_at", Timestamp, nullable=False),
    Column("retry_at", Timestamp, nullable=False, comment="until then the loop passes over it"),
    PrimaryKeyConstraint("loop", "item", name="set_aside_pkey"),
    comment="rows at which a loop fails; the others go on",
)

clock = Table(
    "clock",
    metadata,
    Column("one", SmallInteger, primary_key=True, server_default="1"),
    Column("shift", Interval, nullable=False, comment="business time minus the database's"),
    CheckConstraint("one = 1", name="clock_one_check"),
    comment="one row: tests move business time with it",
)
