"""What the messages of a mailing are for people."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE mailings ADD COLUMN message_class text NOT NULL DEFAULT 'marketing'
    """)
