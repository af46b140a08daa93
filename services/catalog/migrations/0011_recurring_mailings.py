"""When mailings recur."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN schedule jsonb")
