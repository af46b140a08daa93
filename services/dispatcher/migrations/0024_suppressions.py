"""Whom not to write to, by hashes that clients have too."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN topic text")
    op.execute("ALTER TABLE clients ADD COLUMN phone_hashes text, ADD COLUMN email_hashes text")
    op.execute("""
        CREATE TABLE suppressions (
            subject text PRIMARY KEY, version integer NOT NULL, reasons jsonb
        )
    """)
    op.execute("""
        CREATE INDEX suppressions_in_force ON suppressions (subject) WHERE reasons IS NOT NULL
    """)
