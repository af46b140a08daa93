"""What keeps which dispatcher from using a gateway: one of them never speaks for the others."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE gateway_problems (
            name text NOT NULL,
            replica_id uuid NOT NULL,
            problem text NOT NULL,
            noted_at timestamptz NOT NULL,
            CONSTRAINT gateway_problems_pkey PRIMARY KEY (name, replica_id)
        )
    """)
