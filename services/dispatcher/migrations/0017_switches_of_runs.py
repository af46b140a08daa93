"""The switch of each run, beside that of its mailing; and who moved either, and since when."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs ADD COLUMN switch_count integer NOT NULL DEFAULT 0,
            ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text,
            ADD COLUMN resumed_at timestamptz,
            ADD COLUMN stopped_at timestamptz, ADD COLUMN stopped_by text
    """)
    op.execute("""
        ALTER TABLE mailings ADD COLUMN paused_at timestamptz, ADD COLUMN paused_by text,
            ADD COLUMN stopped_at timestamptz, ADD COLUMN stopped_by text
    """)
