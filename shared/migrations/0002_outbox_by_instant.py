"""The outbox's oldest row is found by its instant."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX outbox_recorded_at_idx ON outbox (recorded_at)")
