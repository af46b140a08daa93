"""Which clients have changed is kept as it is.

An import writes the identifiers of thousands at once. To compress them, for some seconds until
they are followed, took it nearly a microsecond a row.
"""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("ALTER TABLE client_changes ALTER COLUMN client_ids SET STORAGE EXTERNAL")
