"""Schedules and runs."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE schedules (
            mailing_id uuid PRIMARY KEY,
            revision integer NOT NULL,
            body text NOT NULL,
            subject text,
            filter jsonb NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            gateway text NOT NULL,
            requested_at timestamptz,
            next_fire_at timestamptz,
            traceparent text
        )
    """)
    op.execute("""
        CREATE INDEX schedules_next_fire_at ON schedules (next_fire_at)
        WHERE next_fire_at IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE runs (
            run_id uuid PRIMARY KEY,
            mailing_id uuid NOT NULL,
            nominal text NOT NULL,
            starts_at timestamptz,
            ends_at timestamptz,
            fired_at timestamptz,
            missed_at timestamptz,
            missed_reason text
        )
    """)
    op.execute("CREATE INDEX runs_mailing_id ON runs (mailing_id)")
