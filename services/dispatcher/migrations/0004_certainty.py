"""What may have arrived: counted for chunks too, and the contact that was used is kept."""

from alembic import op

revision = "0004"
down_revision = "0003"

# Runs whose attempts were marked before they started, as for a gateway that can't deduplicate.
MARKED = """
    EXISTS (SELECT FROM attempts a WHERE a.run_id = c.run_id AND a.kind = 'start')
"""


def upgrade() -> None:
    op.execute("ALTER TABLE senders ADD COLUMN marks_starts boolean NOT NULL DEFAULT false")
    op.execute(f"""
        UPDATE senders SET marks_starts = true WHERE sender_id IN (
            SELECT c.sender_id FROM (
                SELECT DISTINCT run_id, sender_id FROM chunks WHERE sender_id IS NOT NULL
                UNION SELECT run_id, sender_id FROM exceptions WHERE sender_id IS NOT NULL
            ) AS c WHERE {MARKED}
        )
    """)  # noqa: S608 - MARKED is a constant; migrations import nothing of ours
    op.execute("ALTER TABLE chunks ADD COLUMN unknowns integer NOT NULL DEFAULT 0")
    op.execute(f"""
        UPDATE chunks SET unknowns = reaped WHERE reaped > 0 AND open_count > 0 AND run_id IN (
            SELECT c.run_id FROM (
                SELECT DISTINCT run_id FROM chunks WHERE reaped > 0 AND open_count > 0
            ) AS c WHERE NOT {MARKED}
        )
    """)  # noqa: S608 - MARKED is a constant; migrations import nothing of ours
    op.execute("ALTER TABLE exceptions ADD COLUMN contact jsonb")
    op.execute("ALTER TABLE exceptions DROP COLUMN is_unknown")
