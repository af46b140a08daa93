"""How far the doubles of a run have been looked for, part by part of its contacts."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs ADD COLUMN doubles_parts integer,
            ADD COLUMN doubles_done integer NOT NULL DEFAULT 0
    """)
