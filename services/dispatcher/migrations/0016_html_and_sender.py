"""What a run's mails say as HTML, and from whom."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN html text, ADD COLUMN sender text")
