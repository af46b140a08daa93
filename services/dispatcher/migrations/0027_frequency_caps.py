"""Which messages count for their clients, where there is a cap.

What has ended and was certainly not sent counts no more: whoever ends a message, the database
takes its row away. Where nothing is counted that finds nothing to do.
"""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE counted_messages (
            client_id uuid NOT NULL, run_id uuid NOT NULL, day date NOT NULL,
            message_class text NOT NULL,
            CONSTRAINT counted_messages_pkey PRIMARY KEY (client_id, run_id)
        )
    """)
    op.execute("CREATE INDEX counted_messages_day ON counted_messages (day)")
    op.execute("""
        CREATE FUNCTION count_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM counted_messages k USING moved
            WHERE k.client_id = moved.client_id AND k.run_id = moved.run_id
                AND moved.state IN ('failed', 'expired', 'cancelled', 'suppressed');
            RETURN NULL;
        END $$
    """)
    for event in ("INSERT", "UPDATE"):
        op.execute(f"""
            CREATE TRIGGER count_no_more_{event.lower()} AFTER {event} ON exceptions
            REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION count_no_more()
        """)
    # A chunk that may have been sent leaves its messages undetermined: they go on to count.
    op.execute("""
        CREATE FUNCTION count_chunk_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM counted_messages k
            USING unnest(NEW.client_ids) WITH ORDINALITY AS ids (client_id, n)
            WHERE k.client_id = ids.client_id AND k.run_id = NEW.run_id
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
    op.execute("""
        CREATE TRIGGER count_chunk_no_more AFTER UPDATE OF state ON chunks FOR EACH ROW
        WHEN (NEW.state IN ('expired', 'cancelled') AND OLD.state <> NEW.state
            AND NEW.unknowns = 0)
        EXECUTE FUNCTION count_chunk_no_more()
    """)
