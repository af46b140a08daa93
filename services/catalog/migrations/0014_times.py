"""When clients get what: the policy of a mailing, its quiet hours, and the times they prefer."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN time_policy jsonb, ADD COLUMN quiet_hours jsonb")
    op.execute("ALTER TABLE clients ADD COLUMN preferred_times text")
