"""Clients that another one with the same contact stands for, while their run is written down."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE left_out (
            run_id uuid NOT NULL,
            client_id uuid NOT NULL,
            CONSTRAINT left_out_pkey PRIMARY KEY (run_id, client_id)
        )
    """)
