"""Copies of clients and controls, runs, and the ledger of messages."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE clients (
            client_id uuid PRIMARY KEY,
            version integer NOT NULL,
            is_removed boolean NOT NULL,
            phone text,
            operator_code text,
            tags text[] NOT NULL,
            time_zone text,
            email text,
            full_name text,
            comment text
        )
    """)
    op.execute("CREATE INDEX clients_without_phone ON clients (client_id) WHERE phone IS NULL")
    op.execute("""
        CREATE TABLE mailings (
            mailing_id uuid PRIMARY KEY,
            version integer NOT NULL,
            is_paused boolean NOT NULL,
            is_stopped boolean NOT NULL,
            ends_at timestamptz
        )
    """)
    op.execute("""
        CREATE TABLE senders (
            sender_id uuid PRIMARY KEY,
            beat bigint NOT NULL
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE runs (
            run_id uuid PRIMARY KEY,
            mailing_id uuid NOT NULL,
            body text NOT NULL,
            subject text,
            filter jsonb NOT NULL,
            gateway text NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            is_last boolean NOT NULL,
            traceparent text,
            state text NOT NULL,
            awaited jsonb,
            expanded_to uuid NOT NULL,
            chunk_count integer NOT NULL,
            planned_count bigint NOT NULL,
            created_at timestamptz NOT NULL,
            finished_at timestamptz
        )
    """)
    op.execute("CREATE INDEX runs_unfinished ON runs (run_id) WHERE state <> 'finished'")
    op.execute("CREATE INDEX runs_mailing_id ON runs (mailing_id)")
    # A chunk's row changes a few times: half a page is left free for that.
    op.execute("""
        CREATE TABLE chunks (
            run_id uuid NOT NULL,
            chunk integer NOT NULL,
            due_at timestamptz NOT NULL,
            client_ids uuid[] NOT NULL,
            state text NOT NULL,
            sender_id uuid,
            epoch integer NOT NULL,
            reaped integer NOT NULL,
            is_touched boolean NOT NULL,
            open_count integer NOT NULL,
            CONSTRAINT chunks_pkey PRIMARY KEY (run_id, chunk)
        ) WITH (fillfactor = 50)
    """)
    # Random bits don't compress; outside of the row, an update doesn't copy them.
    op.execute("ALTER TABLE chunks ALTER COLUMN client_ids SET STORAGE EXTERNAL")
    op.execute("CREATE INDEX chunks_planned ON chunks (run_id, chunk) WHERE state = 'planned'")
    op.execute("CREATE INDEX chunks_leased ON chunks (sender_id) WHERE sender_id IS NOT NULL")
    op.execute("CREATE INDEX chunks_by_client ON chunks (run_id, (client_ids[1]))")
    op.execute("""
        CREATE TABLE exceptions (
            run_id uuid NOT NULL,
            client_id uuid NOT NULL,
            chunk integer NOT NULL,
            state text NOT NULL,
            attempts integer NOT NULL,
            attempt integer NOT NULL,
            version integer NOT NULL,
            unknowns integer NOT NULL,
            is_unknown boolean NOT NULL,
            reason text,
            due_at timestamptz,
            sender_id uuid,
            CONSTRAINT exceptions_pkey PRIMARY KEY (run_id, client_id)
        ) WITH (fillfactor = 70)
    """)
    op.execute("""
        CREATE INDEX exceptions_due ON exceptions (due_at)
        WHERE state = 'retry' AND sender_id IS NULL
    """)
    op.execute("""
        CREATE INDEX exceptions_leased ON exceptions (sender_id) WHERE sender_id IS NOT NULL
    """)
    op.execute("CREATE INDEX exceptions_state ON exceptions (run_id, state, client_id)")
    op.execute("""
        CREATE TABLE attempts (
            run_id uuid NOT NULL,
            client_id uuid NOT NULL,
            attempt integer NOT NULL,
            kind text NOT NULL,
            started_at timestamptz NOT NULL,
            ended_at timestamptz,
            outcome text,
            reason text,
            status_code integer,
            gateway_message_id text,
            answer text,
            CONSTRAINT attempts_pkey PRIMARY KEY (run_id, client_id, attempt, kind)
        )
    """)
