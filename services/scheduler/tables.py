"""The tables of the scheduler: what is due, and what it shows; its log is in `shared.tables`."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.tables import Timestamp

metadata = MetaData()

schedules = Table(
    "schedules",
    metadata,
    Column("mailing_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False, comment="the mailing's version"),
    Column("body", Text, nullable=False),
    Column("subject", Text),
    Column("filter", JSONB, nullable=False, comment="shared.contracts.catalog.Filter"),
    Column("starts_at", Timestamp, nullable=False),
    Column("ends_at", Timestamp, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("requested_at", Timestamp, comment="started by hand: its start then"),
    Column("next_fire_at", Timestamp, comment="none: proposed, or never due"),
    Column("traceparent", Text, comment="of the request that planned it"),
    Column("html", Text, comment="beside the text, where mails are sent"),
    Column("sender", Text, comment="none: the gateway's own"),
    Column("schedule", JSONB(none_as_null=True), comment="shared.contracts.schedule.Schedule"),
    Column("next_nominal", Text, comment="of a recurring mailing: names what is due next"),
    Column("settled_at", Timestamp, comment="of a recurring mailing: its last decided occurrence"),
    Column("tzdata", Text, comment="of a recurring mailing: the rules that next_fire_at is by"),
    Index(
        "schedules_next_fire_at", "next_fire_at", postgresql_where=text("next_fire_at IS NOT NULL")
    ),
)


runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mailing_id", Uuid, nullable=False),
    Column("nominal", Text, nullable=False, comment="the time that names the occurrence"),
    Column("starts_at", Timestamp),
    Column("ends_at", Timestamp),
    Column("fired_at", Timestamp),
    Column("missed_at", Timestamp),
    Column("missed_reason", Text, comment="shared.contracts.scheduler.MissedReason"),
    Index("runs_of_mailings", "mailing_id", "starts_at"),
)
