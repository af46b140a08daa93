"""Which occurrence a run is, and why it was missed: of what comes from now on, or is rebuilt."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN missed_reason text, ADD COLUMN nominal text")
