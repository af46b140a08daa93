"""The newest runs, found by an index."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("CREATE INDEX runs_newest ON runs (created_at, run_id)")
