"""Whom not to write to, and what mailings are about."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN topic text")
    op.execute("""
        CREATE TABLE suppressions (
            subject text NOT NULL, topic text NOT NULL, kind text NOT NULL, reason text NOT NULL,
            source text, since timestamptz NOT NULL,
            CONSTRAINT suppressions_pkey PRIMARY KEY (subject, topic)
        )
    """)
    op.execute("CREATE INDEX suppressions_newest ON suppressions (since, subject, topic)")
    op.execute("""
        CREATE INDEX clients_by_email ON clients (lower(email COLLATE "C"))
        WHERE email IS NOT NULL
    """)
