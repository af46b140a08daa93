"""Whom mails of a gateway may be from; not known of those that were described before."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("ALTER TABLE gateways ADD COLUMN sender text, ADD COLUMN allowed_senders text[]")
