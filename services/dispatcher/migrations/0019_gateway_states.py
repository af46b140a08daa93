"""How gateways are, for all replicas; attempts that do not count; how runs are retried."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE gateway_states (
            name text PRIMARY KEY,
            paused_until timestamptz,
            pause_reason text,
            breaker text NOT NULL DEFAULT 'closed',
            breaker_reason text,
            changed_at timestamptz,
            next_probe_at timestamptz,
            openings integer NOT NULL DEFAULT 0,
            round integer NOT NULL DEFAULT 0,
            size integer NOT NULL DEFAULT 0,
            granted integer NOT NULL DEFAULT 0,
            processed integer NOT NULL DEFAULT 0,
            failed integer NOT NULL DEFAULT 0,
            drawn_until timestamptz
        ) WITH (fillfactor = 50)
    """)
    op.execute("ALTER TABLE exceptions ADD COLUMN uncounted integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE runs ADD COLUMN max_attempts integer, ADD COLUMN on_unknown text")
