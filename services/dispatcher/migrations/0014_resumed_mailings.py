"""When a mailing was resumed: from then on its messages are late, not from their time."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN resumed_at timestamptz")
