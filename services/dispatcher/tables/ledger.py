"""The ledger's tables: chunks, and what was tried of their messages."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, JSONB

from services.dispatcher.tables.metadata import metadata
from shared.tables import Timestamp

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
    Column(
        "lane",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="of its run; the chunks of each are in the order of clients",
    ),
    Column("counted_on", Date, comment="for its clients, a day of UTC; none: it was not"),
    Column("not_counted", BIT(varying=True), comment="which messages, by place; none: all were"),
    Index(
        "chunks_in_turn", "run_id", "due_at", "chunk", postgresql_where=text("state = 'planned'")
    ),
    Index("chunks_leased", "sender_id", postgresql_where=text("sender_id IS NOT NULL")),
    Index(
        "chunks_pinned",
        "version_id",
        postgresql_where=text("version_id IS NOT NULL AND state IN ('planned', 'leased')"),
    ),
    Index("chunks_by_lane", "run_id", "lane", text("(client_ids[1])")),
)

staged = Table(
    "staged",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("due_at", Timestamp, nullable=False),
    Column("number", BigInteger, nullable=False, comment="grows with every step"),
    Column("reason", Text, nullable=False, comment="why they get nothing; empty: they do"),
    Column("client_ids", ARRAY(Uuid), nullable=False, comment="in order"),
    PrimaryKeyConstraint("run_id", "due_at", "number", "reason", name="staged_pkey"),
    comment="clients of runs that are being expanded, by when their messages are due",
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
    Column(
        "uncounted",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="attempts on record that were none of the message's",
    ),
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
    Index(
        "exceptions_in_turn",
        "run_id",
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

left_out = Table(
    "left_out",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("client_id", Uuid, primary_key=True),
    comment="of runs that are being expanded: for them another client with the contact stands",
)

client_counts = Table(
    "client_counts",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    *(
        Column(name, ARRAY(Date), comment="a day of UTC for each message")
        for name in ("marketing", "transactional")
    ),
    comment="messages that were counted for clients, where there is a cap, by class",
)

uncounted_messages = Table(
    "uncounted_messages",
    metadata,
    Column("client_id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("day", Date, nullable=False, comment="on which it was counted"),
    Column("message_class", Text, nullable=False),
    PrimaryKeyConstraint("client_id", "run_id", name="uncounted_messages_pkey"),
    Index("uncounted_messages_day", "day"),
    comment="of the counted ones those that have ended, and were certainly not sent",
)

counted_messages = Table(
    "counted_messages",
    metadata,
    Column("client_id", Uuid, nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("message_class", Text, nullable=False),
    Column("counts", Boolean, nullable=False, server_default=text("true")),
    PrimaryKeyConstraint("client_id", "run_id", name="counted_messages_pkey"),
    Index("counted_messages_day", "day"),
    comment="of an older release, whose dispatchers count here; a trigger carries it over",
)

erasures = Table(
    "erasures",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("heard_at", Timestamp, nullable=False),
    Column("next_at", Timestamp, nullable=False, comment="when the ledger is searched again"),
    Column("settled_at", Timestamp, comment="none: answers may still come"),
    Index("erasures_open", "next_at", postgresql_where=text("settled_at IS NULL")),
    comment="clients of whom nothing may stay; their times are the database's, not business time",
)
