"""The lines of an import's file, and of each rejection."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN line_count bigint")
    op.execute("""
        ALTER TABLE import_rejections ADD COLUMN line bigint, ADD COLUMN last_line bigint
    """)
