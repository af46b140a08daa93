"""Test sends, and bare contacts, which are in no run but their own."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE trials (
            run_id uuid NOT NULL,
            mailing_id uuid,
            client_id uuid NOT NULL,
            is_bare boolean NOT NULL,
            CONSTRAINT trials_pkey PRIMARY KEY (run_id)
        )
    """)
    op.execute("""
        CREATE INDEX clients_bare ON clients (client_id) WHERE registered_at = 'infinity'
    """)
