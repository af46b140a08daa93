"""Runs whose messages leave some time after the end; their figures stay in their row."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs ADD COLUMN archived_at timestamptz, ADD COLUMN totals jsonb,
            ADD COLUMN attempt_count bigint, ADD COLUMN emptied_at timestamptz
    """)
    op.execute("CREATE INDEX runs_kept ON runs (finished_at, run_id) WHERE state = 'finished'")
    op.execute("""
        CREATE INDEX runs_emptying ON runs (archived_at, run_id)
        WHERE state = 'archived' AND emptied_at IS NULL
    """)
    # An archived run is not open either: what looks for open runs must not read them for ever.
    op.execute("DROP INDEX runs_unfinished")
    op.execute("""
        CREATE INDEX runs_unfinished ON runs (run_id) WHERE state NOT IN ('finished', 'archived')
    """)
