"""What a mailing says as HTML, and from whom."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN html text, ADD COLUMN sender text")
