"""Counts by client instead of by message, where there is a cap.

A client's row is written in place, with no index to be changed; whether a chunk has been counted
stands in its own row. Only what has ended, and was certainly not sent, has a row by message. What
was counted before is carried over, and so is what dispatchers of an older release count, which go
on in the table that they know.
"""

from alembic import op

revision = "0035"
down_revision = "0034"

# Of `rows` as that release has them, and the chunks `c` that they are in.
CARRY = (
    """
    INSERT INTO client_counts AS k (client_id, marketing, transactional)
    SELECT client_id, array_agg(day ORDER BY day) FILTER (WHERE message_class = 'marketing'),
        array_agg(day ORDER BY day) FILTER (WHERE message_class = 'transactional')
    FROM {rows} GROUP BY client_id ORDER BY client_id
    ON CONFLICT (client_id) DO UPDATE SET
        marketing = array_cat(k.marketing, excluded.marketing),
        transactional = array_cat(k.transactional, excluded.transactional)
    """,
    """
    INSERT INTO uncounted_messages
    SELECT client_id, run_id, day, message_class FROM {rows} WHERE NOT counts
    ON CONFLICT DO NOTHING
    """,
    """
    UPDATE chunks SET counted_on = counted.day, not_counted = counted.places
    FROM (
        SELECT c.run_id, c.chunk, min(k.day) AS day, CASE WHEN count(k.day) < count(*) THEN
            CAST(string_agg(CASE WHEN k.day IS NULL THEN '1' ELSE '0' END, '' ORDER BY ids.n)
                AS bit varying) END AS places
        FROM chunks c
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        LEFT JOIN {rows} k ON k.client_id = ids.client_id AND k.run_id = c.run_id
        WHERE c.run_id IN (SELECT run_id FROM {rows}) AND {is_wanted}
        GROUP BY c.run_id, c.chunk HAVING count(k.day) > 0
    ) AS counted
    WHERE chunks.run_id = counted.run_id AND chunks.chunk = counted.chunk
    """,
)

ALL_CHUNKS = "true"
CLAIMED_CHUNKS = "c.state = 'leased' AND c.counted_on IS NULL"


def carry(rows: str, chunks: str) -> list[str]:
    """Return the statements that carry rows over, from a table of that name."""
    return [each.format(rows=rows, is_wanted=chunks) for each in CARRY]


def upgrade() -> None:
    op.execute("""
        CREATE TABLE client_counts (
            client_id uuid NOT NULL, marketing date[], transactional date[],
            CONSTRAINT client_counts_pkey PRIMARY KEY (client_id)
        ) WITH (fillfactor = 50)
    """)
    op.execute("""
        CREATE TABLE uncounted_messages (
            client_id uuid NOT NULL, run_id uuid NOT NULL, day date NOT NULL,
            message_class text NOT NULL,
            CONSTRAINT uncounted_messages_pkey PRIMARY KEY (client_id, run_id)
        )
    """)
    op.execute("CREATE INDEX uncounted_messages_day ON uncounted_messages (day)")
    op.execute("""
        ALTER TABLE chunks ADD COLUMN counted_on date, ADD COLUMN not_counted bit varying
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION count_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO uncounted_messages (client_id, run_id, day, message_class)
            SELECT moved.client_id, c.run_id, c.counted_on, r.message_class
            FROM moved JOIN chunks c ON c.run_id = moved.run_id AND c.chunk = moved.chunk
            JOIN runs r ON r.run_id = c.run_id
            WHERE moved.state IN ('failed', 'expired', 'cancelled', 'suppressed')
                AND c.counted_on IS NOT NULL AND (
                    c.not_counted IS NULL OR get_bit(
                        c.not_counted, array_position(c.client_ids, moved.client_id) - 1
                    ) = 0
                )
            ON CONFLICT DO NOTHING;
            DELETE FROM uncounted_messages u USING moved
            WHERE u.client_id = moved.client_id AND u.run_id = moved.run_id
                AND moved.state NOT IN ('failed', 'expired', 'cancelled', 'suppressed');
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION count_chunk_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO uncounted_messages (client_id, run_id, day, message_class)
            SELECT ids.client_id, r.run_id, NEW.counted_on, r.message_class
            FROM unnest(NEW.client_ids) WITH ORDINALITY AS ids (client_id, n)
            JOIN runs r ON r.run_id = NEW.run_id
            WHERE coalesce(get_bit(NEW.not_counted, CAST(ids.n AS int) - 1), 0) = 0
                AND coalesce(get_bit(NEW.recorded, CAST(ids.n AS int) - 1), 0) = 0
                AND NOT EXISTS (
                    SELECT FROM exceptions e
                    WHERE e.run_id = NEW.run_id AND e.client_id = ids.client_id
                ) AND NOT EXISTS (
                    SELECT FROM attempts a WHERE a.run_id = NEW.run_id
                        AND a.client_id = ids.client_id AND a.kind <> 'start'
                )
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE OR REPLACE TRIGGER count_chunk_no_more AFTER UPDATE OF state ON chunks FOR EACH ROW
        WHEN (NEW.state IN ('expired', 'cancelled') AND OLD.state <> NEW.state
            AND NEW.unknowns = 0 AND NEW.counted_on IS NOT NULL)
        EXECUTE FUNCTION count_chunk_no_more()
    """)
    for each in carry("counted_messages", ALL_CHUNKS):
        op.execute(each)
    of_claim = ";".join(carry("carried", CLAIMED_CHUNKS))
    op.execute(f"""
        CREATE FUNCTION carry_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {of_claim};
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER carry_counts AFTER INSERT ON counted_messages
        REFERENCING NEW TABLE AS carried FOR EACH STATEMENT EXECUTE FUNCTION carry_counts()
    """)
