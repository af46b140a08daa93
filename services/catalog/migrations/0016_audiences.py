"""Saved audiences, and which mailings refer to them."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN audience_id uuid")
    op.execute("""
        CREATE INDEX mailings_of_audience ON mailings (audience_id) WHERE audience_id IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE audiences (
            audience_id uuid NOT NULL,
            name text NOT NULL,
            filter jsonb NOT NULL,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT audiences_pkey PRIMARY KEY (audience_id)
        )
    """)
    op.execute("CREATE UNIQUE INDEX audiences_name_key ON audiences (name)")
    op.execute("CREATE INDEX audiences_newest ON audiences (created_at, audience_id)")
