"""The gateways that mailings may name: those of earlier releases, until they are described."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE gateways (
            name text PRIMARY KEY,
            contact text,
            is_paused boolean NOT NULL,
            is_removed boolean NOT NULL,
            version integer NOT NULL
        )
    """)
    op.execute("""
        INSERT INTO gateways (name, contact, is_paused, is_removed, version) VALUES
            ('http', 'phone', false, false, 0),
            ('log', NULL, false, false, 0),
            ('smtp', 'email', false, false, 0)
    """)
