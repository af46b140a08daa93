"""Messages of a run that are due at different times, and the times that clients prefer."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN preferred_times text")
    op.execute("""
        ALTER TABLE runs ADD COLUMN time_policy jsonb, ADD COLUMN local_time text,
            ADD COLUMN quiet_hours jsonb, ADD COLUMN staged_to uuid,
            ADD COLUMN staged_count bigint NOT NULL DEFAULT 0,
            ADD COLUMN is_staged boolean NOT NULL DEFAULT false,
            ADD COLUMN lane_count integer NOT NULL DEFAULT 1
    """)
    op.execute("ALTER TABLE chunks ADD COLUMN lane integer NOT NULL DEFAULT 0")
    op.execute("""
        CREATE TABLE staged (
            run_id uuid NOT NULL,
            due_at timestamptz NOT NULL,
            number bigint NOT NULL,
            reason text NOT NULL,
            client_ids uuid[] NOT NULL,
            CONSTRAINT staged_pkey PRIMARY KEY (run_id, due_at, number, reason)
        )
    """)
    op.execute("""
        CREATE INDEX chunks_in_turn ON chunks (run_id, due_at, chunk) WHERE state = 'planned'
    """)
    op.execute("CREATE INDEX chunks_by_lane ON chunks (run_id, lane, (client_ids[1]))")
    op.execute("DROP INDEX chunks_planned, chunks_by_client")
