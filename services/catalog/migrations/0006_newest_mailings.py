"""The newest mailings, of all and of one status, found by indexes."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("CREATE INDEX mailings_newest ON mailings (created_at, mailing_id)")
    op.execute("CREATE INDEX mailings_by_status ON mailings (status, created_at, mailing_id)")
