"""Clients by tag and operator code: a run for few does not read all.

The list of what is not sorted in yet is kept short: every search reads it, and a short one costs
an import no more than a long one.
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
        CREATE INDEX clients_by_filter ON clients USING gin (tags, (ARRAY[operator_code]))
        WITH (gin_pending_list_limit = 512)
    """)
