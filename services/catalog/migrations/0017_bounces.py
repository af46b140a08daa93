"""Which messages a contact has refused for good."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE bounces (
            subject text NOT NULL, run_id uuid NOT NULL, bounced_at timestamptz NOT NULL,
            CONSTRAINT bounces_pkey PRIMARY KEY (subject, run_id)
        )
    """)
