"""The rows at which a loop fails: what it passes over for a while."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE set_aside (
            loop text NOT NULL,
            item uuid NOT NULL,
            failures integer NOT NULL,
            reason text NOT NULL,
            set_aside_at timestamptz NOT NULL,
            retry_at timestamptz NOT NULL,
            CONSTRAINT set_aside_pkey PRIMARY KEY (loop, item)
        )
    """)
