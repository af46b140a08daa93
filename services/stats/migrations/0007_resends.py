"""Resends: of a client to whom several runs went by resends, only the best message counts."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE resends (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            first_run_id uuid NOT NULL,
            resent_from uuid,
            mailing_id uuid,
            is_for_good boolean NOT NULL DEFAULT false,
            planned_count integer NOT NULL DEFAULT 0,
            retry_count integer NOT NULL DEFAULT 0,
            delivered_count integer NOT NULL DEFAULT 0,
            failed_count integer NOT NULL DEFAULT 0,
            expired_count integer NOT NULL DEFAULT 0,
            cancelled_count integer NOT NULL DEFAULT 0,
            undetermined_count integer NOT NULL DEFAULT 0,
            suppressed_count integer NOT NULL DEFAULT 0,
            CONSTRAINT resends_pkey PRIMARY KEY (generation, run_id)
        )
    """)
    op.execute("CREATE INDEX resends_of_first ON resends (generation, first_run_id)")
    op.execute("CREATE INDEX resends_of_mailing ON resends (generation, mailing_id)")
    op.execute("""
        CREATE TABLE recipients (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            client_id uuid NOT NULL,
            states jsonb NOT NULL,
            CONSTRAINT recipients_pkey PRIMARY KEY (generation, run_id, client_id)
        )
    """)
