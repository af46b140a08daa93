"""Archived runs: their figures are for good, and their rows go."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN archived_at timestamptz,
            ADD COLUMN is_emptied boolean NOT NULL DEFAULT false,
            ADD COLUMN is_cut boolean NOT NULL DEFAULT false
    """)
    op.execute("""
        CREATE INDEX runs_emptying_idx ON runs (generation, archived_at, run_id)
        WHERE archived_at IS NOT NULL AND NOT is_emptied
    """)
