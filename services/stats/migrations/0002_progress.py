"""How far the other services' databases are published."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE progress (
            database text NOT NULL,
            as_of timestamptz NOT NULL,
            topics text[] NOT NULL,
            partitions integer[] NOT NULL,
            ends bigint[] NOT NULL,
            CONSTRAINT progress_pkey PRIMARY KEY (database, as_of)
        )
    """)
