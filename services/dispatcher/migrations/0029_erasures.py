"""Clients of whom nothing may stay, and how far that is done."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE erasures (
            client_id uuid NOT NULL,
            heard_at timestamptz NOT NULL,
            next_at timestamptz NOT NULL,
            settled_at timestamptz,
            CONSTRAINT erasures_pkey PRIMARY KEY (client_id)
        )
    """)
    op.execute("CREATE INDEX erasures_open ON erasures (next_at) WHERE settled_at IS NULL")
