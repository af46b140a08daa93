"""Clients that were erased: what is kept of them, and what is still to be done."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE erasures (
            client_id uuid NOT NULL,
            erased_at timestamptz NOT NULL,
            subjects text[] NOT NULL,
            republish_at timestamptz,
            CONSTRAINT erasures_pkey PRIMARY KEY (client_id)
        )
    """)
    op.execute("""
        CREATE INDEX erasures_open ON erasures (republish_at) WHERE republish_at IS NOT NULL
    """)
