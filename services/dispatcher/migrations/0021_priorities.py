"""Which runs of a gateway go first."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN priority text NOT NULL DEFAULT 'normal'")
    op.execute("""
        CREATE INDEX runs_in_turn ON runs (priority, run_id)
        WHERE state NOT IN ('finished', 'archived')
    """)
    op.execute("""
        CREATE INDEX exceptions_in_turn ON exceptions (run_id, due_at)
        WHERE state = 'retry' AND sender_id IS NULL
    """)
