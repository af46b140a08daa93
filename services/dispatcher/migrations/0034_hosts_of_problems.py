"""Which dispatcher cannot use a gateway, by the name of its machine."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.execute("ALTER TABLE gateway_problems ADD COLUMN host text")
