"""The ledger's totals of runs, what comparing them showed, and where runs begin in the log."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Runs from before this are read again from the log's beginning: where they begin is unknown.
    op.execute("""
        ALTER TABLE runs
            ADD COLUMN totals jsonb,
            ADD COLUMN totals_number integer,
            ADD COLUMN proved_number integer,
            ADD COLUMN proved_at timestamptz,
            ADD COLUMN difference jsonb,
            ADD COLUMN mended jsonb NOT NULL DEFAULT '[]',
            ADD COLUMN read_from jsonb
    """)
    op.execute("""
        CREATE INDEX runs_unproved_idx ON runs (generation, run_id)
        WHERE totals_number IS DISTINCT FROM proved_number
    """)
