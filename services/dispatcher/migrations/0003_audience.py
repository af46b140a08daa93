"""Who exists when a run begins: since when each client is registered, and the run's instant."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN registered_at timestamptz")
    op.execute("ALTER TABLE runs ADD COLUMN begun_at timestamptz")
