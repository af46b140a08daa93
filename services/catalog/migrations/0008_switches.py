"""Who paused a mailing, and since when; and what dispatchers say of the switches of its runs."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text")
    op.execute("""
        CREATE TABLE run_switches (
            run_id uuid PRIMARY KEY,
            mailing_id uuid NOT NULL,
            number integer NOT NULL,
            paused_at timestamptz,
            paused_by text
        )
    """)
    op.execute("""
        CREATE INDEX run_switches_paused ON run_switches (mailing_id) WHERE paused_at IS NOT NULL
    """)
