"""Through which gateway a sender sends, and until when it is alive, if it does not renew that."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE senders ADD COLUMN gateway text, ADD COLUMN expires_at timestamptz")
