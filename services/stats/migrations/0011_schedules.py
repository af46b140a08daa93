"""When recurring mailings run next: their schedules.

They are those of mailings that are created or changed from now on, and after a rebuild of all.
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE mailings ADD COLUMN schedule text")
