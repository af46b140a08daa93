"""Runs whose events go to one partition for each chunk; those that began before keep theirs."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN is_by_chunk boolean NOT NULL DEFAULT false")
