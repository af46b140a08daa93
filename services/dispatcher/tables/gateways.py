"""The tables of gateways: as they are described, as they are, and as each process sees them."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.dispatcher.tables.metadata import metadata
from shared.tables import Timestamp

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
    Column("problem", Text, comment="unused since 0030"),
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

gateway_states = Table(
    "gateway_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused_until", Timestamp, comment="as the gateway asked for"),
    Column("pause_reason", Text),
    Column("breaker", Text, nullable=False, server_default="closed", comment="open, half_open"),
    Column("breaker_reason", Text, comment="what it opened for last"),
    Column("changed_at", Timestamp, comment="the breaker"),
    Column("next_probe_at", Timestamp, comment="half-open: when probes count as lost"),
    Column("openings", Integer, nullable=False, server_default="0", comment="in succession"),
    Column("round", Integer, nullable=False, server_default="0", comment="of probes; grows"),
    Column("size", Integer, nullable=False, server_default="0", comment="of the round"),
    Column("granted", Integer, nullable=False, server_default="0"),
    Column("processed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("drawn_until", Timestamp, comment="of the rate; later than now: drawn ahead"),
    comment="how gateways are, for all replicas; none: as they should be",
)

gateway_replicas = Table(
    "gateway_replicas",
    metadata,
    Column("replica_id", Uuid, nullable=False, comment="of a process, as long as it runs"),
    Column("gateway", Text, nullable=False, comment="its name"),
    Column("host", Text, nullable=False, comment="of the process, as it calls itself"),
    Column("started_at", Timestamp, nullable=False),
    Column("reported_at", Timestamp, nullable=False),
    Column("in_flight", Integer, nullable=False, comment="requests under way"),
    Column("free", Integer, nullable=False, comment="requests that may begin"),
    *(
        Column(name, BigInteger, nullable=False, comment="attempts of the last five minutes")
        for name in ("accepted", "refused", "not_processed", "unknown")
    ),
    Column(
        "durations",
        ARRAY(BigInteger),
        nullable=False,
        comment="the same by class, as services.dispatcher.domain.recent has them",
    ),
    Column("failed_at", Timestamp, comment="the last attempt that says that it does not work"),
    Column("failure_reason", Text, comment="a slug, without personal data"),
    Column("failure_status", Integer),
    PrimaryKeyConstraint("replica_id", "gateway", name="gateway_replicas_pkey"),
    comment="as reported every few seconds; who is gone is forgotten after some minutes",
)
