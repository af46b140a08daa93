"""What a message gave back of its count it takes again, should it have arrived after all.

A row stays, and says whether it counts: a late success finds it, whatever caps are in force then.
"""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.execute("ALTER TABLE counted_messages ADD COLUMN counts boolean NOT NULL DEFAULT true")
    op.execute("""
        CREATE OR REPLACE FUNCTION count_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE counted_messages k SET counts = NOT k.counts FROM moved
            WHERE k.client_id = moved.client_id AND k.run_id = moved.run_id
                AND k.counts = (moved.state IN ('failed', 'expired', 'cancelled', 'suppressed'));
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION count_chunk_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE counted_messages k SET counts = false
            FROM unnest(NEW.client_ids) WITH ORDINALITY AS ids (client_id, n)
            WHERE k.client_id = ids.client_id AND k.run_id = NEW.run_id AND k.counts
                AND coalesce(get_bit(NEW.recorded, CAST(ids.n AS int) - 1), 0) = 0
                AND NOT EXISTS (
                    SELECT FROM exceptions e
                    WHERE e.run_id = NEW.run_id AND e.client_id = ids.client_id
                ) AND NOT EXISTS (
                    SELECT FROM attempts a WHERE a.run_id = NEW.run_id
                        AND a.client_id = ids.client_id AND a.kind <> 'start'
                );
            RETURN NULL;
        END $$
    """)
