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
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.dispatcher.tables.gateway_problems import gateway_problems
from services.dispatcher.tables.gateways import (
    gateway_replicas,
    gateway_states,
    gateway_versions,
    gateways,
)
from services.dispatcher.tables.ledger import (
    attempts,
    blocks,
    chunks,
    client_counts,
    counted_messages,
    exceptions,
    staged,
    starts,
    uncounted_messages,
)
from services.dispatcher.tables.metadata import metadata
from services.dispatcher.tables.test_sends import test_sends
from shared.tables import Timestamp

__all__ = [
    "attempts",
    "blocks",
    "chunks",
    "client_counts",
    "clients",
    "counted_messages",
    "exceptions",
    "gateway_problems",
    "gateway_replicas",
    "gateway_states",
    "gateway_versions",
    "gateways",
    "left_out",
    "mailings",
    "metadata",
    "runs",
    "senders",
    "staged",
    "starts",
    "suppressions",
    "test_sends",
    "uncounted_messages",
]


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
    Column(
        "registered_at",
        Timestamp,
        comment="none: read by an older release; infinity: of a test send, nobody of the catalog",
    ),
    *(
        Column(name, Text, comment="with spaces between them; none: of an older release")
        for name in ("phone_hashes", "email_hashes")
    ),
    Column("preferred_times", Text, comment="as shared.preferred has them; none: it prefers none"),
    Index("clients_without_phone", "client_id", postgresql_where=text("phone IS NULL")),
    Index(
        "clients_by_filter",
        "tags",
        text("(ARRAY[operator_code])"),
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 512},
    ),
    Index("clients_bare", "client_id", postgresql_where=text("registered_at = 'infinity'")),
)

mailings = Table(
    "mailings",
    metadata,
    Column("mailing_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, comment="lower ones are ignored"),
    Column("is_paused", Boolean, nullable=False),
    Column("is_stopped", Boolean, nullable=False, comment="or deleted"),
    Column("ends_at", Timestamp, comment="none: as the run has it"),
    Column(
        "runs_once",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="its end is that of its run; false also if an older release wrote it",
    ),
    Column("resumed_at", Timestamp, comment="the last time; none: never, or in an older release"),
    Column("paused_at", Timestamp, comment="none: it is not, or it was in an older release"),
    Column("stopped_at", Timestamp, comment="none: it is not, or it was in an older release"),
    *(Column(name, Text) for name in ("paused_by", "stopped_by")),
    comment="what is allowed of a mailing now; may be here before its run",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("subject", Text, primary_key=True, comment="a client's identifier, or a keyed hash"),
    Column("version", Integer, nullable=False, comment="lower ones are ignored"),
    Column(
        "reasons", JSONB(none_as_null=True), comment="by topic, empty: all; none: it is lifted"
    ),
    Index("suppressions_in_force", "subject", postgresql_where=text("reasons IS NOT NULL")),
    comment="whom not to write to",
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
    Column("resumed_at", Timestamp, comment="the last time"),
    Column("stopped_at", Timestamp, comment="by its own switch"),
    *(Column(name, Text) for name in ("paused_by", "stopped_by")),
    Column("resent_from", Uuid, comment="the run of which this one sends some again"),
    *(Column(name, ARRAY(Text)) for name in ("resent_statuses", "resent_reasons")),
    Column("archived_at", Timestamp, comment="from then on nothing of it changes"),
    Column("totals", JSONB, comment="of an archived run: messages by state"),
    Column("attempt_count", BigInteger, comment="of an archived run: attempts on record"),
    Column("emptied_at", Timestamp, comment="when the last row of its messages was deleted"),
    Column("html", Text),
    Column("sender", Text, comment="none: the gateway's own"),
    Column("max_attempts", Integer, comment="counted ones; none: the window decides"),
    Column("on_unknown", Text, comment="prefer_delivery, prefer_silence; none: as the gateway"),
    Column("priority", Text, nullable=False, server_default="normal", comment="urgent, bulk"),
    Column("message_class", Text, nullable=False, server_default="marketing"),
    Column("topic", Text, comment="by which clients can refuse it; none: no particular one"),
    Column("time_policy", JSONB(none_as_null=True), comment="contracts.timing.TimePolicy"),
    Column("local_time", Text, comment="2026-03-01T09:00[Europe/Moscow]; none: of starts_at"),
    Column("quiet_hours", JSONB(none_as_null=True), comment="none: as the platform has it, then"),
    Column("staged_to", Uuid, comment="the last client that is staged; none: nobody is yet"),
    Column("staged_count", BigInteger, nullable=False, server_default="0"),
    Column("is_staged", Boolean, nullable=False, server_default=text("false")),
    Column("lane_count", Integer, nullable=False, server_default="1", comment="with the 0th"),
    Column("doubles_parts", Integer, comment="of its contacts; none: none was looked through yet"),
    Column("doubles_done", Integer, nullable=False, server_default="0", comment="of these parts"),
    Index(
        "runs_in_turn",
        "priority",
        "run_id",
        postgresql_where=text("state NOT IN ('finished', 'archived')"),
    ),
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
    Index("runs_resent", "resent_from", postgresql_where=text("resent_from IS NOT NULL")),
    Index("runs_newest", "created_at", "run_id"),
    Index(
        "runs_with_messages",
        "created_at",
        "run_id",
        postgresql_where=text("state <> 'archived'"),
    ),
    Index("runs_of_mailing", "mailing_id", "created_at", "run_id"),
)
