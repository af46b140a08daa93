"""The states of long streams, so that a command need not read all of their events."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE snapshots (
            stream text PRIMARY KEY,
            version integer NOT NULL,
            shape integer NOT NULL,
            data json NOT NULL
        )
    """)
