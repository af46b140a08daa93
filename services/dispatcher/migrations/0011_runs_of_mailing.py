"""The newest runs of a mailing, found by an index."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("CREATE INDEX runs_of_mailing ON runs (mailing_id, created_at, run_id)")
    op.execute("DROP INDEX runs_mailing_id")
