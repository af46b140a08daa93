"""Which mailings go first, how often a message is tried, and what is done where nobody knows."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE mailings ADD COLUMN priority text NOT NULL DEFAULT 'normal',
            ADD COLUMN max_attempts integer, ADD COLUMN on_unknown text
    """)
