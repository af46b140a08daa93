"""By which key the contact of a suppression was hashed."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE suppressions ADD COLUMN key_id text")
