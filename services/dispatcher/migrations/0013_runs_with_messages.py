"""The newest runs that have messages: archived ones are not looked at, however many there are."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("""
        CREATE INDEX runs_with_messages ON runs (created_at, run_id) WHERE state <> 'archived'
    """)
