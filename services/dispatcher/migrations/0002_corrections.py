"""How often the totals of a finished run were corrected."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN correction_count integer NOT NULL DEFAULT 0")
