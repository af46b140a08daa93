"""Contacts that are kept in exceptions are found by client: of a removed one nothing stays."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX exceptions_contact ON exceptions (client_id) WHERE contact IS NOT NULL"
    )
