"""When recurring mailings are due."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE schedules
            ADD COLUMN schedule jsonb, ADD COLUMN next_nominal text,
            ADD COLUMN settled_at timestamptz, ADD COLUMN tzdata text
    """)
    op.execute("CREATE INDEX runs_of_mailings ON runs (mailing_id, starts_at)")
    op.execute("DROP INDEX runs_mailing_id")
