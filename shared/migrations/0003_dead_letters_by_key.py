"""Dead letters by key: what waits behind one that could not be applied, until it is replayed."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE dead_letters
            ADD COLUMN key uuid,
            ADD COLUMN is_held boolean NOT NULL DEFAULT false,
            ADD COLUMN is_requested boolean NOT NULL DEFAULT false
    """)
    op.execute("CREATE INDEX dead_letters_key ON dead_letters (key) WHERE key IS NOT NULL")
