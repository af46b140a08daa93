"""The tables of stats: projections, each in as many generations as are being filled or read."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.contracts.dispatcher import State
from shared.tables import Timestamp

metadata = MetaData()

# Whether a row of `progress` holds: all offsets that it names are applied.
PASSED = """NOT EXISTS (
    SELECT FROM unnest(progress.topics, progress.partitions, progress.ends)
        AS published (topic, partition, ending)
    LEFT JOIN offsets ON offsets.consumer = 'stats'
        AND (offsets.topic, offsets.partition) = (published.topic, published.partition)
    WHERE coalesce(offsets.position, 0) < published.ending
)"""

progress = Table(
    "progress",
    metadata,
    Column("database", Text, nullable=False, comment="a service's name"),
    Column("as_of", Timestamp, nullable=False, comment="published is all recorded before"),
    Column("topics", ARRAY(Text), nullable=False),
    Column("partitions", ARRAY(Integer), nullable=False, comment="one of each topic in `topics`"),
    Column("ends", ARRAY(BigInteger), nullable=False, comment="the offset of the next record"),
    PrimaryKeyConstraint("database", "as_of", name="progress_pkey"),
    comment="how far databases are published; reports not passed yet, and the newest passed",
)

generations = Table(
    "generations",
    metadata,
    Column("one", SmallInteger, primary_key=True, server_default="1"),
    Column("current", Integer, nullable=False, comment="the one that is read, and kept up"),
    Column("newest", Integer, nullable=False, comment="the one that a rebuild began last"),
    CheckConstraint("one = 1", name="generations_one_check"),
    comment="one row; rows of other generations than these two are leftovers",
)

# By state: every message that has had an event, in a block or by itself. The others of a run's
# are planned.
runs = Table(
    "runs",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("mailing_id", Uuid, comment="none until it is known"),
    Column("planned_count", Integer, nullable=False, comment="clients in the chunks"),
    Column("retry_count", Integer, nullable=False),
    Column("delivered_count", Integer, nullable=False),
    Column("failed_count", Integer, nullable=False),
    Column("expired_count", Integer, nullable=False),
    Column("cancelled_count", Integer, nullable=False),
    Column("undetermined_count", Integer, nullable=False),
    Column("suppressed_count", Integer, nullable=False),
    Column("attempt_count", Integer, nullable=False, comment="of all messages"),
    Column("expected_count", Integer, comment="planned, as RunExpanded has it"),
    Column("scheduled_at", Timestamp),
    Column("missed_at", Timestamp),
    Column("missed_reason", Text, comment="shared.contracts.scheduler.MissedReason"),
    Column("nominal", Text, comment="names the occurrence; none until it is known"),
    Column("finished_at", Timestamp),
    Column("totals", JSONB, comment="by state, as the ledger counted them"),
    Column("totals_number", Integer, comment="0 as the run finished, then of each correction"),
    Column("proved_number", Integer, comment="of the totals that were compared last"),
    Column("proved_at", Timestamp),
    Column("difference", JSONB, comment="by state, how many more there are than in the ledger"),
    Column("mended", JSONB, nullable=False, server_default="[]", comment="differences, each once"),
    Column("read_from", JSONB, comment="positions before the run's first event"),
    Column("archived_at", Timestamp, comment="from then on the figures are RunArchived's"),
    Column(
        "is_emptied",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="of an archived run: no row of its messages is left",
    ),
    Column(
        "is_cut",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="it was to be read again, and the log may not have all of it any more",
    ),
    PrimaryKeyConstraint("generation", "run_id", name="runs_pkey"),
    Index("runs_of_mailing", "generation", "mailing_id", "run_id"),
    Index(
        "runs_unproved_idx",
        *("generation", "run_id"),
        postgresql_where=text("totals_number IS DISTINCT FROM proved_number"),
    ),
    Index(
        "runs_emptying_idx",
        *("generation", "archived_at", "run_id"),
        postgresql_where=text("archived_at IS NOT NULL AND NOT is_emptied"),
    ),
)

COUNTS = tuple(f"{state}_count" for state in State if state is not State.PLANNED)
SUMS = ("planned_count", "attempt_count", *COUNTS)

# Triggers keep these sums, whoever changes a run. Of each run, planned is at least what has had
# an event.
mailings = Table(
    "mailings",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("mailing_id", Uuid, nullable=False),
    Column("last_run_at", Timestamp, comment="scheduled or missed; none: not known yet"),
    *(Column(n, BigInteger, nullable=False, server_default="0") for n in ("run_count", *SUMS)),
    Column("name", Text, comment="none: created before it was read here"),
    Column("starts_at", Timestamp),
    Column("ends_at", Timestamp),
    Column("run_nominal", Text, comment="of the run that began last, as is its end"),
    Column("run_ends_at", Timestamp),
    Column("is_recurring", Boolean, nullable=False, server_default=text("false")),
    Column("schedule", Text, comment="of one that recurs, as JSON; none: it is not known yet"),
    Column("is_paused", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Timestamp),
    Column("edited_at", Timestamp),
    Column("stopped_at", Timestamp),
    Column("deleted_at", Timestamp),
    Column("last_at", Timestamp, comment="its last occurrence began then, or was missed"),
    Column(
        "version",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="of the mailing's event that was applied last",
    ),
    Column(
        "open_count",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="runs that neither finished nor were missed",
    ),
    Column("missed_count", BigInteger, nullable=False, server_default="0"),
    Column(
        "changed_in",
        BigInteger,
        nullable=False,
        server_default=text("CAST(CAST(pg_current_xact_id() AS text) AS bigint)"),
        comment="the transaction that changed the row last",
    ),
    PrimaryKeyConstraint("generation", "mailing_id", name="mailings_pkey"),
    Index("mailings_changed", "generation", "changed_in"),
    Index(
        "mailings_created",
        "generation",
        text(
            "(COALESCE(created_at, last_run_at, "
            "'2200-01-01 00:00:00+00'::timestamp with time zone))"
        ),
        "mailing_id",
    ),
    Index(
        "mailings_newest",
        "generation",
        text("(COALESCE(last_run_at, '2200-01-01 00:00:00+00'::timestamp with time zone))"),
        "mailing_id",
    ),
    comment="what people see of each mailing, and what its runs add up to",
)

totals = Table(
    "totals",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("slot", SmallInteger, nullable=False, comment="of connections, so that none waits"),
    Column("mailing_count", BigInteger, nullable=False),
    Column("run_count", BigInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
    Column("open_count", BigInteger, nullable=False, server_default="0"),
    Column("missed_count", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("generation", "slot", name="totals_pkey"),
    comment="what all runs add up to, in parts",
)

# Counts of messages that do not count by client: another run of its family has a better one for
# their client, or an equal one and a lower identifier.
resends = Table(
    "resends",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("first_run_id", Uuid, nullable=False, comment="of its family: itself, if it is that"),
    Column("resent_from", Uuid, comment="none: the first run, which is no resend"),
    Column("mailing_id", Uuid),
    Column(
        "is_for_good",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="archived: the counts are RunArchived's",
    ),
    *(Column(f"{s}_count", Integer, nullable=False, server_default="0") for s in State),
    PrimaryKeyConstraint("generation", "run_id", name="resends_pkey"),
    Index("resends_of_first", "generation", "first_run_id"),
    Index("resends_of_mailing", "generation", "mailing_id"),
    comment="runs of families: a run, its resends, the resends of these",
)

recipients = Table(
    "recipients",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False, comment="the first one of the family"),
    Column("client_id", Uuid, nullable=False),
    Column("states", JSONB, nullable=False, comment="of the client's messages, by run"),
    PrimaryKeyConstraint("generation", "run_id", "client_id", name="recipients_pkey"),
    comment="clients to whom something was resent",
)

chunks = Table(
    "chunks",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False, comment="from 0"),
    Column("due_at", Timestamp, nullable=False),
    Column("client_count", Integer, nullable=False),
    Column("client_ids", ARRAY(Uuid), nullable=False),
    PrimaryKeyConstraint("generation", "run_id", "chunk", name="chunks_pkey"),
    comment="which messages are planned; those in no block and not in `messages` still are",
)

blocks = Table(
    "blocks",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, comment="of the lease; with `number` it names it"),
    Column("number", Integer, nullable=False),
    Column("client_ids", ARRAY(Uuid), nullable=False, comment="in order"),
    Column("started_at", Timestamp, nullable=False),
    Column("ended_us", ARRAY(BigInteger), nullable=False, comment="of each, after started_at"),
    PrimaryKeyConstraint("generation", "run_id", "chunk", "epoch", "number", name="blocks_pkey"),
    comment="messages delivered at their first attempt; one with a row in `messages` is there",
)

messages = Table(
    "messages",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("state", Text, nullable=False, comment="shared.contracts.dispatcher.State"),
    Column("attempts", Integer, nullable=False),
    Column("version", BigInteger, nullable=False, comment="of the event that was applied last"),
    Column("changed_at", Timestamp, nullable=False),
    Column("chunk", Integer, comment="none: its events did not say"),
    Column(
        "is_in_block",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="it was delivered in a block, and had other events later",
    ),
    PrimaryKeyConstraint("generation", "run_id", "client_id", name="messages_pkey"),
    # Few are in another state for long: to find those costs the many nothing.
    Index(
        "messages_state_idx",
        *("generation", "run_id", "state", "client_id"),
        postgresql_where=text("state <> 'delivered'"),
    ),
    Index("messages_chunk_idx", "generation", "run_id", "chunk", "client_id"),
    comment="messages that have had an event other than in a block",
)

series = Table(
    "series",
    metadata,
    Column("generation", Integer, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("step", Integer, nullable=False, comment="seconds that the row stands for"),
    Column("at", BigInteger, nullable=False, comment="their beginning, in seconds of the epoch"),
    *(Column(name, Integer, nullable=False) for name in COUNTS),
    PrimaryKeyConstraint("generation", "run_id", "step", "at", name="series_pkey"),
    comment="messages by when they reached the state that they are in",
)
