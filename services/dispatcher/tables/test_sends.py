"""Test sends: which runs they are, and of what."""

from sqlalchemy import Boolean, Column, Table, Uuid

from services.dispatcher.tables.metadata import metadata

# Stored under an older name of theirs, which is not worth a migration.
test_sends = Table(
    "trials",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("mailing_id", Uuid, comment="of which it is a test; none: it is not saved"),
    Column("client_id", Uuid, nullable=False),
    Column("is_bare", Boolean, nullable=False, comment="its row of `clients` is only for it"),
    comment="runs that are test sends",
)
