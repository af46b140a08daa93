"""What a mailing says as HTML, and from whom."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE schedules ADD COLUMN html text, ADD COLUMN sender text")
