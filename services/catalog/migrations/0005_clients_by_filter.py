"""Clients by tag and operator code, so that a page of few does not read all.

The list of what is not sorted in yet is kept short: every search reads it, and a short one costs
an import no more than a long one.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        CREATE INDEX clients_by_filter ON clients USING gin (tags, (ARRAY[operator_code]))
        WITH (gin_pending_list_limit = 512)
    """)
