"""Runs that send again what did not arrive of others."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE runs ADD COLUMN resent_from uuid, ADD COLUMN resent_statuses text[],
            ADD COLUMN resent_reasons text[]
    """)
    op.execute("CREATE INDEX runs_resent ON runs (resent_from) WHERE resent_from IS NOT NULL")
