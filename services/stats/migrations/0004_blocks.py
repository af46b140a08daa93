"""Messages that were delivered at their first attempt, by the block."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE blocks (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            chunk integer NOT NULL,
            epoch integer NOT NULL,
            number integer NOT NULL,
            client_ids uuid[] NOT NULL,
            started_at timestamptz NOT NULL,
            ended_us bigint[] NOT NULL,
            CONSTRAINT blocks_pkey PRIMARY KEY (generation, run_id, chunk, epoch, number)
        )
    """)
    op.execute("""
        ALTER TABLE messages ADD COLUMN chunk integer,
            ADD COLUMN is_in_block boolean NOT NULL DEFAULT false
    """)
    op.execute(
        "CREATE INDEX messages_chunk_idx ON messages (generation, run_id, chunk, client_id)"
    )
