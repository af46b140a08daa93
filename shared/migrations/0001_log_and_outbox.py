"""The log, the outbox, how far consumers are, and the clock's shift."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE events (
            position bigint GENERATED ALWAYS AS IDENTITY,
            stream text NOT NULL,
            version integer NOT NULL,
            id uuid NOT NULL,
            type text NOT NULL,
            data json NOT NULL,
            recorded_at timestamptz NOT NULL,
            correlation_id uuid NOT NULL,
            causation_id uuid,
            traceparent text,
            CONSTRAINT events_stream_version_key PRIMARY KEY (stream, version)
        )
    """)
    op.execute("""
        CREATE TABLE outbox (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            recorded_at timestamptz NOT NULL,
            batches bytea NOT NULL
        )
    """)
    # A queue: always nearly empty, always busy. Left to the defaults it would grow between
    # vacuums; what is encoded once gains nothing from being compressed again.
    op.execute("ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01)")
    op.execute("ALTER TABLE outbox ALTER COLUMN batches SET STORAGE EXTERNAL")
    op.execute("""
        CREATE TABLE relays (
            name text PRIMARY KEY,
            owner uuid,
            epoch bigint NOT NULL,
            beat bigint NOT NULL
        )
    """)
    op.execute("INSERT INTO relays (name, epoch, beat) VALUES ('outbox', 0, 0)")
    op.execute("""
        CREATE TABLE offsets (
            consumer text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            position bigint NOT NULL,
            as_of timestamptz,
            CONSTRAINT offsets_pkey PRIMARY KEY (consumer, topic, partition)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE dead_letters (
            consumer text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            "offset" bigint NOT NULL,
            reason text NOT NULL,
            recorded_at timestamptz NOT NULL,
            CONSTRAINT dead_letters_pkey PRIMARY KEY (consumer, topic, partition, "offset")
        )
    """)
    op.execute("""
        CREATE TABLE clock (
            one smallint PRIMARY KEY DEFAULT 1,
            shift interval NOT NULL,
            CONSTRAINT clock_one_check CHECK (one = 1)
        )
    """)
    op.execute("INSERT INTO clock (shift) VALUES ('0')")
