"""Generations, runs, chunks, messages."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE generations (
            one smallint PRIMARY KEY DEFAULT 1,
            current integer NOT NULL,
            newest integer NOT NULL,
            CONSTRAINT generations_one_check CHECK (one = 1)
        )
    """)
    op.execute("INSERT INTO generations (current, newest) VALUES (1, 1)")
    # Each batch changes the rows of its runs, and no index with them.
    op.execute("""
        CREATE TABLE runs (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            mailing_id uuid,
            planned_count integer NOT NULL,
            retry_count integer NOT NULL,
            delivered_count integer NOT NULL,
            failed_count integer NOT NULL,
            expired_count integer NOT NULL,
            cancelled_count integer NOT NULL,
            undetermined_count integer NOT NULL,
            suppressed_count integer NOT NULL,
            attempt_count integer NOT NULL,
            expected_count integer,
            scheduled_at timestamptz,
            missed_at timestamptz,
            finished_at timestamptz,
            CONSTRAINT runs_pkey PRIMARY KEY (generation, run_id)
        ) WITH (fillfactor = 50)
    """)
    op.execute("CREATE INDEX runs_mailing_id_idx ON runs (generation, mailing_id)")
    op.execute("""
        CREATE TABLE chunks (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            chunk integer NOT NULL,
            due_at timestamptz NOT NULL,
            client_count integer NOT NULL,
            client_ids uuid[] NOT NULL,
            CONSTRAINT chunks_pkey PRIMARY KEY (generation, run_id, chunk)
        )
    """)
    # Identifiers are as good as random: to compress them is work for nothing.
    op.execute("ALTER TABLE chunks ALTER COLUMN client_ids SET STORAGE EXTERNAL")
    op.execute("""
        CREATE TABLE messages (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            client_id uuid NOT NULL,
            state text NOT NULL,
            attempts integer NOT NULL,
            version bigint NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT messages_pkey PRIMARY KEY (generation, run_id, client_id)
        )
    """)
    op.execute("""
        CREATE INDEX messages_state_idx ON messages (generation, run_id, state, client_id)
        WHERE state <> 'delivered'
    """)
