"""What the messages of a run are for people; test sends wait for nothing."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs ADD COLUMN message_class text NOT NULL DEFAULT 'marketing'
    """)
