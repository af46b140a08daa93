"""The tables of the catalog: what it shows; its log stands in `shared.tables`."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
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
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from shared.tables import Timestamp

metadata = MetaData()

clients = Table(
    "clients",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("phone", Text, comment="7XXXXXXXXXX"),
    Column("operator_code", Text, comment="three digits"),
    Column("tags", ARRAY(Text), nullable=False),
    Column("time_zone", Text, comment="of IANA"),
    Column("email", Text),
    Column("full_name", Text),
    Column("comment", Text),
    Column("version", Integer, nullable=False, comment="of the stream; the entity tag"),
    Column("created_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    Column("preferred_times", Text, comment="as shared.preferred has them; none: it prefers none"),
    Column("external_id", Text, comment="by which another system knows the client"),
    Index("clients_phone_key", "phone", unique=True),
    Index(
        "clients_external_id_key",
        "external_id",
        unique=True,
        postgresql_where=text("external_id IS NOT NULL"),
    ),
    Index(
        "clients_by_email",
        text('lower(email COLLATE "C")'),
        postgresql_where=text("email IS NOT NULL"),
    ),
    Index(
        "clients_by_filter",
        "tags",
        text("(ARRAY[operator_code])"),
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 512},
    ),
    Index("clients_newest", "created_at", "client_id"),
)

client_changes = Table(
    "client_changes",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    Column("client_ids", ARRAY(Uuid), nullable=False),
    comment="clients that are new, otherwise or gone since they were put among the words",
)

client_search = Table(
    "client_search",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("operator_code", Text),
    Column("words", TSVECTOR, nullable=False, comment="services.catalog.domain.search"),
    Column("segment", Integer, nullable=False, server_default=text("0"), comment="0: none yet"),
    Index("client_search_segments", "segment", "created_at", "client_id"),
    Index(
        "client_search_words",
        text("words_in_segment(segment, words)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
        postgresql_where=text("segment > 0"),
    ),
    comment="clients by what is looked for, as they were some seconds ago",
)

client_facets = Table(
    "client_facets",
    metadata,
    Column("kind", Text, nullable=False, comment="all, tag or code"),
    Column("value", Text, nullable=False),
    Column("count", BigInteger, nullable=False, comment="clients among the words that have it"),
    PrimaryKeyConstraint("kind", "value", name="client_facets_pkey"),
    Index("client_facets_most", "kind", "count"),
)

mailings = Table(
    "mailings",
    metadata,
    Column("mailing_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("subject", Text),
    Column("filter", JSONB, nullable=False, comment="shared.contracts.catalog.Filter"),
    Column("starts_at", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Column("gateway", Text, nullable=False, comment="its name"),
    Column("status", Text, nullable=False, comment="services.catalog.domain.mailing.Status"),
    Column("has_begun", Boolean, nullable=False, comment="a run has"),
    Column("missed_reason", Text),
    Column("paused_at", Timestamp, comment="none: it is not, or it was in an older release"),
    Column("paused_by", Text),
    Column("version", Integer, nullable=False, comment="of the stream; the entity tag"),
    Column("created_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    Column("html", Text, comment="beside the body, where mails are sent"),
    Column("sender", Text, comment="NAME <ADDRESS>, or an address; none: the gateway's own"),
    Column("priority", Text, nullable=False, server_default="normal"),
    Column("max_attempts", Integer, comment="of each message; none: the window decides"),
    Column("on_unknown", Text, comment="prefer_delivery, prefer_silence; none: as the gateway"),
    Column("schedule", JSONB(none_as_null=True), comment="shared.contracts.schedule.Schedule"),
    Column("message_class", Text, nullable=False, server_default="marketing"),
    Column("topic", Text, comment="by which clients can refuse it; none: no particular one"),
    *(
        Column(name, JSONB(none_as_null=True), comment="shared.contracts.timing")
        for name in ("time_policy", "quiet_hours")
    ),
    Column("audience_id", Uuid, comment="that the filter is of; none: it is its own"),
    Index("mailings_newest", "created_at", "mailing_id"),
    Index(
        "mailings_of_audience",
        "audience_id",
        postgresql_where=text("audience_id IS NOT NULL"),
    ),
    Index("mailings_by_status", "status", "created_at", "mailing_id"),
    Index("mailings_by_gateway", "gateway", "created_at", "mailing_id"),
    Index("mailings_words", text("mailing_words(name)"), postgresql_using="gin"),
)

audiences = Table(
    "audiences",
    metadata,
    Column("audience_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("filter", JSONB, nullable=False, comment="shared.contracts.catalog.Filter"),
    Column("version", Integer, nullable=False, comment="of the stream; the entity tag"),
    Column("created_at", Timestamp, nullable=False),
    Column("changed_at", Timestamp, nullable=False),
    Index("audiences_name_key", "name", unique=True),
    Index("audiences_newest", "created_at", "audience_id"),
)

run_switches = Table(
    "run_switches",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mailing_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False, comment="of the last move; lower ones are ignored"),
    Column("paused_at", Timestamp, comment="none: it is not"),
    Column("paused_by", Text),
    Index("run_switches_paused", "mailing_id", postgresql_where=text("paused_at IS NOT NULL")),
    comment="what dispatchers say of the switches of unfinished runs, which stand beside ours",
)

gateways = Table(
    "gateways",
    metadata,
    Column("name", Text, primary_key=True),
    Column("contact", Text, comment="what it needs of a client: phone, email, nothing"),
    Column("sender", Text, comment="whom its messages are from if a mailing names nobody"),
    Column("allowed_senders", ARRAY(Text), comment="whom else mailings may name; none: not known"),
    Column("is_paused", Boolean, nullable=False),
    Column("is_removed", Boolean, nullable=False, comment="kept: a late event must not revive it"),
    Column("version", Integer, nullable=False, comment="lower ones are ignored"),
    comment="those that mailings may name",
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("subject", Text, nullable=False, comment="a client's identifier, or a keyed hash"),
    Column("topic", Text, nullable=False, comment="of mailings; empty: all of them"),
    Column("kind", Text, nullable=False, comment="client, phone or email"),
    Column("reason", Text, nullable=False),
    Column("source", Text, comment="as whoever entered it named it"),
    Column("since", Timestamp, nullable=False),
    Column("key_id", Text, comment="of the key that hashed the contact, where that is known"),
    PrimaryKeyConstraint("subject", "topic", name="suppressions_pkey"),
    Index("suppressions_newest", "since", "subject", "topic"),
    comment="whom not to write to",
)

bounces = Table(
    "bounces",
    metadata,
    Column("subject", Text, nullable=False, comment="the hash of a contact, by the newest key"),
    Column("run_id", Uuid, nullable=False),
    Column("bounced_at", Timestamp, nullable=False),
    PrimaryKeyConstraint("subject", "run_id", name="bounces_pkey"),
    comment="messages that a contact has refused for good, since it was last written to again",
)

erasures = Table(
    "erasures",
    metadata,
    Column("client_id", Uuid, primary_key=True),
    Column("erased_at", Timestamp, nullable=False),
    Column("subjects", ARRAY(Text), nullable=False, comment="of its suppressions, which stay"),
    Column("republish_at", Timestamp, comment="when its tombstone goes out again; none: it has"),
    Index("erasures_open", "republish_at", postgresql_where=text("republish_at IS NOT NULL")),
    comment="clients of whom nothing is kept",
)

imports = Table(
    "imports",
    metadata,
    Column("import_id", Uuid, primary_key=True),
    Column("status", Text, nullable=False, comment="running, or how it ended; or deleted"),
    Column("epoch", Integer, nullable=False, comment="grows with each request for it"),
    Column("beat", BigInteger, nullable=False, comment="grows while the request lives"),
    Column("row_count", BigInteger, nullable=False, comment="rows seen, the header not counted"),
    Column("created_count", BigInteger, nullable=False),
    Column("changed_count", BigInteger, nullable=False),
    Column("unchanged_count", BigInteger, nullable=False),
    Column("rejected_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="of the body, so far"),
    Column("line_count", BigInteger, comment="with blank lines and header; none: not counted yet"),
    Column("failure_reason", Text),
    Column("digest", LargeBinary, comment="of the file, once completed; none: not computed then"),
    Column("started_at", Timestamp, nullable=False),
    Column("ended_at", Timestamp),
    Column("file_name", Text, comment="as the caller has it; none: not declared"),
    Column("options", JSONB(none_as_null=True), comment="ImportOptions; none: as always"),
    Column("found", JSONB(none_as_null=True), comment="FileFound; none: nothing is read yet"),
    Column("is_dry_run", Boolean, nullable=False, server_default=text("false")),
    Index("imports_running", "import_id", postgresql_where=text("status = 'running'")),
    Index("imports_newest", "started_at", "import_id"),
    Index("imports_ended", "ended_at"),
)

import_chunks = Table(
    "import_chunks",
    metadata,
    Column("import_id", Uuid, nullable=False),
    Column("chunk", Integer, nullable=False, comment="from 0"),
    Column("digest", LargeBinary, nullable=False, comment="of the file up to the chunk's end"),
    PrimaryKeyConstraint("import_id", "chunk", name="import_chunks_pkey"),
    comment="chunks that are written of imports that are not completed",
)

import_drafts = Table(
    "import_drafts",
    metadata,
    Column("import_id", Uuid, nullable=False),
    Column("client_id", Uuid, nullable=False),
    Column("phone", Text),
    Column("email", Text),
    Column("external_id", Text),
    Column("state", LargeBinary, nullable=False, comment="queue.imports.ExistingClient"),
    PrimaryKeyConstraint("import_id", "client_id", name="import_drafts_pkey"),
    Index("import_drafts_phone", "import_id", "phone"),
    Index("import_drafts_email", "import_id", text('lower(email COLLATE "C")')),
    Index("import_drafts_external_id", "import_id", "external_id"),
    comment="what clients would be by now, in a dry run that goes on",
)

import_rejection_counts = Table(
    "import_rejection_counts",
    metadata,
    Column("import_id", Uuid, nullable=False),
    Column("column", Text, nullable=False, comment="empty: the row as a whole"),
    Column("code", Text, nullable=False, comment="of shared.errors.FieldError"),
    Column("count", BigInteger, nullable=False, comment="of mistakes; a row may have several"),
    PrimaryKeyConstraint("import_id", "column", "code", name="import_rejection_counts_pkey"),
)

import_rejections = Table(
    "import_rejections",
    metadata,
    Column("import_id", Uuid, nullable=False),
    Column("row", BigInteger, nullable=False, comment="from 1, the header not counted"),
    Column("place", Integer, nullable=False, comment="of several mistakes in a row, from 0"),
    Column("line", BigInteger, comment="of the file, from 1; none: not counted then"),
    Column("last_line", BigInteger, comment="a quoted cell may go on over several"),
    Column("column", Text, comment="none: the row as a whole"),
    Column("code", Text, comment="of the mistake; none: not kept then"),
    Column("limits", ARRAY(BigInteger), comment="that were not kept; none: not kept then"),
    Column("reason", Text, nullable=False, comment="never the value"),
    Column("raw", Text, comment="the row as it was read; with the first of its mistakes"),
    PrimaryKeyConstraint("import_id", "row", "place", name="import_rejections_pkey"),
    comment="the first ones of each import",
)
