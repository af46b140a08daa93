"""The code of each mistake in a rejected row, and the limits that it did not keep."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("ALTER TABLE import_rejections ADD COLUMN code text, ADD COLUMN limits bigint[]")
