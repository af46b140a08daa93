"""The tables of the dispatcher: copies of what others own, and the ledger of messages.

A message has no row of its own until it needs one. Its state is derived: its exception, else its
last answer, else its chunk.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, JSONB

from shared.tables import Timestamp

metadata = MetaData()

clients = Table(
    "clients",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, comment="lower ones are ignored"),
    Column(
        "is_removed", Boolean, nullable=False, comment="kept: a late change must not revive it"
    ),
    Column("phone", Text),
    Column("operator_code", Text),
    Column("tags", ARRAY(Text), nullable=False),
    Column("time_zone", Text),
    Column("email", Text),
    Column("full_name", Text),
    Column("comment", Text),
    Column("registered_at", Timestamp, comment="none: read by an older release"),
    Index("clients_without_phone", "client_id", postgresql_where=text("phone IS NULL")),
    Index(
        "clients_by_filter",
        "tags",
        text("(ARRAY[operator_code])"),
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 512},
    ),
)

mailings = Table(
    "mailings",
    metadata,
    Column("mailing_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, comment="lower ones are ignored"),
    Column("is_paused", Boolean, nullable=False),
    Column("is_stopped", Boolean, nullable=False, comment="or deleted"),
    Column("ends_at", Timestamp, comment="none: as the run has it"),
    Column("resumed_at", Timestamp, comment="the last time; none: never, or in an older release"),
    Column("paused_at", Timestamp, comment="none: it is not, or it was in an older release"),
    Column("paused_by", Text),
    Column("stopped_at", Timestamp, comment="none: it is not, or it was in an older release"),
    Column("stopped_by", Text),
    comment="what is allowed of a mailing now; may be here before its run",
)

senders = Table(
    "senders",
    metadata,
    Column("sender_id", Uuid, primary_key=True),
    Column("beat", BigInteger, nullable=False, comment="grows with every renewal"),
    Column(
        "marks_starts",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="no attempt starts without being on record",
    ),
    Column("gateway", Text, comment="none: of an older release"),
    Column("version_id", ForeignKey("gateway_versions.version_id"), comment="of its gateway"),
    Column("lease_s", Double, comment="none: as this release has it by default"),
    Column("expires_at", Timestamp, comment="unless it is renewed; for those who ask, not reap"),
    comment="who holds leases; when it is gone, so are they",
)

gateways = Table(
    "gateways",
    metadata,
    Column("name", Text, primary_key=True),
    Column("gateway_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="http, smtp or log"),
    Column("contact", Text, comment="what it needs of a client: phone, email, nothing"),
    Column("description", JSONB, nullable=False, comment="gateways.description"),
    Column("version_id", Integer, nullable=False, comment="of the newest version"),
    Column("version", Integer, nullable=False, comment="of the stream; the entity tag"),
    Column("is_paused", Boolean, nullable=False),
    Column("is_removed", Boolean, nullable=False, comment="kept: its runs may still be here"),
    Column("problem", Text, comment="why a dispatcher could not use it; none: all could"),
    Column("created_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    comment="as the streams have them",
)

gateway_versions = Table(
    "gateway_versions",
    metadata,
    Column("version_id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", JSONB, nullable=False),
    comment="descriptions by which different bytes go out; old ones as long as needed",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mailing_id", Uuid, nullable=False),
    Column("body", Text, nullable=False),
    Column("subject", Text),
    Column("filter", JSONB, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("starts_at", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Column("is_last", Boolean, nullable=False, comment="the mailing has no later occurrence"),
    Column("traceparent", Text),
    Column(
        "state", Text, nullable=False, comment="waiting, expanding, sending, finished, archived"
    ),
    Column("awaited", JSONB, comment="by topic and partition the offset to wait for"),
    Column("expanded_to", Uuid, nullable=False, comment="the last client that is in a chunk"),
    Column("chunk_count", Integer, nullable=False),
    Column("planned_count", BigInteger, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("begun_at", Timestamp, comment="by the catalog's time; none: in an older release"),
    Column("finished_at", Timestamp),
    Column(
        "is_by_chunk",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="all events of a chunk's messages go to one partition; begun since blocks are",
    ),
    Column("correction_count", Integer, nullable=False, server_default="0"),
    Column("switch_count", Integer, nullable=False, server_default="0", comment="of its moves"),
    Column("paused_at", Timestamp, comment="by its own switch, not its mailing's"),
    Column("paused_by", Text),
    Column("resumed_at", Timestamp, comment="the last time"),
    Column("stopped_at", Timestamp, comment="by its own switch"),
    Column("stopped_by", Text),
    Column("archived_at", Timestamp, comment="from then on nothing of it changes"),
    Column("totals", JSONB, comment="of an archived run: messages by state"),
    Column("attempt_count", BigInteger, comment="of an archived run: attempts on record"),
    Column("emptied_at", Timestamp, comment="when the last row of its messages was deleted"),
    Column("html", Text),
    Column("sender", Text, comment="none: the gateway's own"),
    Index(
        "runs_unfinished",
        "run_id",
        postgresql_where=text("state NOT IN ('finished', 'archived')"),
    ),
    Index("runs_kept", "finished_at", "run_id", postgresql_where=text("state = 'finished'")),
    Index(
        "runs_emptying",
        "archived_at",
        "run_id",
        postgresql_where=text("state = 'archived' AND emptied_at IS NULL"),
    ),
    Index("runs_newest", "created_at", "run_id"),
    Index(
        "runs_with_messages",
        "created_at",
        "run_id",
        postgresql_where=text("state <> 'archived'"),
    ),
    Index("runs_of_mailing", "mailing_id", "created_at", "run_id"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False, comment="from 0, without gaps"),
    Column("due_at", Timestamp, nullable=False),
    Column("client_ids", ARRAY(Uuid), nullable=False, comment="in order"),
    Column("state", Text, nullable=False, comment="planned, leased, sent, expired, cancelled"),
    Column("sender_id", Uuid, comment="who has it leased"),
    Column("epoch", Integer, nullable=False, comment="grows with every lease"),
    Column("reaped", Integer, nullable=False, comment="how often its sender was found dead"),
    Column(
        "unknowns",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="attempts of each of its messages that a dead sender may have made",
    ),
    Column("is_touched", Boolean, nullable=False, comment="some are answered or exceptions"),
    Column("open_count", Integer, nullable=False, comment="messages that are not final"),
    Column("recorded", BIT(varying=True), comment="which messages are in blocks, by place"),
    Column("version_id", Integer, comment="of the gateway, by which unknowns must be repeated"),
    PrimaryKeyConstraint("run_id", "chunk", name="chunks_pkey"),
    Index("chunks_planned", "run_id", "chunk", postgresql_where=text("state = 'planned'")),
    Index("chunks_leased", "sender_id", postgresql_where=text("sender_id IS NOT NULL")),
    Index(
        "chunks_pinned",
        "version_id",
        postgresql_where=text("version_id IS NOT NULL AND state IN ('planned', 'leased')"),
    ),
    Index("chunks_by_client", "run_id", text("(client_ids[1])")),
)

# Columns of a block hold one value for each message, in the order of places: numbers of 32 bits,
# big-endian; texts with U+001F between them. `attempt_in_block(block, place)` takes one out, and
# the view `all_attempts` shows them, and starts, beside the others.
blocks = Table(
    "blocks",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, comment="of the lease"),
    Column("number", Integer, nullable=False, comment="of the block under that lease, from 1"),
    Column("places", BIT(varying=True), nullable=False, comment="its messages in the chunk"),
    Column("started_at", Timestamp, nullable=False, comment="of the first attempt"),
    Column("starts", LargeBinary, nullable=False, comment="microseconds after that"),
    Column("durations", LargeBinary, nullable=False, comment="microseconds to the answer"),
    Column("reason", Text, nullable=False),
    Column("status_code", Integer),
    Column("gateway_ids", Text, comment="none: no attempt has one"),
    Column("answer", Text, nullable=False, comment="the usual one, U+001E for the gateway's id"),
    Column("answers", Text, comment="those that differ, else empty; none: none does"),
    PrimaryKeyConstraint("run_id", "chunk", "epoch", "number", name="blocks_pkey"),
    comment="plain results: first attempts that were accepted, without personal data",
)

starts = Table(
    "starts",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("epoch", Integer, nullable=False, comment="of the lease"),
    Column("number", Integer, nullable=False, comment="of the row under that lease, from 1"),
    Column("attempt", Integer, nullable=False, comment="the same number for all of them"),
    Column("places", BIT(varying=True), nullable=False, comment="the messages in the chunk"),
    Column("started_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("run_id", "chunk", "epoch", "number", name="starts_pkey"),
    comment="attempts at plain gateways that were to begin; of retries they are in `attempts`",
)

exceptions = Table(
    "exceptions",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="shared.contracts.dispatcher.State"),
    Column("attempts", Integer, nullable=False, comment="on record"),
    Column("attempt", Integer, nullable=False, comment="the last number, on record or not"),
    Column("version", Integer, nullable=False, comment="of the message"),
    Column("unknowns", Integer, nullable=False, comment="attempts that may have arrived"),
    Column("reason", Text),
    Column("due_at", Timestamp, comment="of a retry"),
    Column("sender_id", Uuid, comment="who has the retry leased"),
    Column("contact", JSONB, comment="of the attempt that may have arrived, until it is final"),
    Column("version_id", Integer, comment="of the gateway, by which it must be repeated"),
    PrimaryKeyConstraint("run_id", "client_id", name="exceptions_pkey"),
    Index(
        "exceptions_due",
        "due_at",
        postgresql_where=text("state = 'retry' AND sender_id IS NULL"),
    ),
    Index("exceptions_leased", "sender_id", postgresql_where=text("sender_id IS NOT NULL")),
    Index("exceptions_pinned", "version_id", postgresql_where=text("version_id IS NOT NULL")),
    Index("exceptions_state", "run_id", "state", "client_id"),
    Index("exceptions_contact", "client_id", postgresql_where=text("contact IS NOT NULL")),
    comment="messages that aren't simply planned or answered",
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("kind", Text, nullable=False, comment="start, answer or lost"),
    Column("started_at", Timestamp, nullable=False),
    Column("ended_at", Timestamp),
    Column("outcome", Text, comment="services.dispatcher.domain.outcome.Outcome"),
    Column("reason", Text),
    Column("status_code", Integer),
    Column("gateway_message_id", Text, comment="may hold personal data"),
    Column("answer", Text, comment="the first characters; may hold personal data"),
    PrimaryKeyConstraint("run_id", "client_id", "attempt", "kind", name="attempts_pkey"),
    comment="append-only: what was tried and what came of it, but for blocks and starts",
)
