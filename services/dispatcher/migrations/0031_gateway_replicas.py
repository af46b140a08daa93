"""What each process sees of the gateways that it sends through."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE gateway_replicas (
            replica_id uuid NOT NULL,
            gateway text NOT NULL,
            host text NOT NULL,
            started_at timestamptz NOT NULL,
            reported_at timestamptz NOT NULL,
            in_flight integer NOT NULL,
            free integer NOT NULL,
            accepted bigint NOT NULL,
            refused bigint NOT NULL,
            not_processed bigint NOT NULL,
            unknown bigint NOT NULL,
            durations bigint[] NOT NULL,
            failed_at timestamptz,
            failure_reason text,
            failure_status integer,
            CONSTRAINT gateway_replicas_pkey PRIMARY KEY (replica_id, gateway)
        )
    """)
