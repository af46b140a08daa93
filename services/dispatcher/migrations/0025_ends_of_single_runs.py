"""Whether a mailing runs once: then its end is that of its run, also if it is moved back."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN runs_once boolean NOT NULL DEFAULT false")
