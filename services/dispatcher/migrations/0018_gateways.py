"""Gateways are described here, and what may have arrived goes by the version it was sent with."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE gateway_versions (
            version_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL,
            description jsonb NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE gateways (
            name text PRIMARY KEY,
            gateway_id uuid NOT NULL,
            kind text NOT NULL,
            contact text,
            description jsonb NOT NULL,
            version_id integer NOT NULL,
            version integer NOT NULL,
            is_paused boolean NOT NULL,
            is_removed boolean NOT NULL,
            problem text,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        ALTER TABLE senders
            ADD COLUMN version_id integer REFERENCES gateway_versions,
            ADD COLUMN lease_s double precision
    """)
    op.execute("ALTER TABLE chunks ADD COLUMN version_id integer")
    op.execute("ALTER TABLE exceptions ADD COLUMN version_id integer")
    op.execute("""
        CREATE INDEX chunks_pinned ON chunks (version_id) WHERE version_id IS NOT NULL
            AND state IN ('planned', 'leased')
    """)
    op.execute("""
        CREATE INDEX exceptions_pinned ON exceptions (version_id) WHERE version_id IS NOT NULL
    """)
