"""Words of clients by segments of neighbors in time, so that a page of old ones is found quickly.

Clients that are there already are followed again, as if they had just come: until then they stand
in segment 0, which is read in its order. So neither this migration nor a start waits for an index
of all words, and a release before, which knows no segments, puts its clients there.
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION words_in_segment(segment integer, words tsvector) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
            SELECT array_to_tsvector(ARRAY(
                SELECT segment || ':' || word FROM unnest(tsvector_to_array(words)) AS word
            ))
        $$
    """)
    op.execute("DROP INDEX client_search_words, client_search_newest")
    op.execute("ALTER TABLE client_search ADD COLUMN segment integer NOT NULL DEFAULT 0")
    op.execute(
        "CREATE INDEX client_search_segments ON client_search (segment, created_at, client_id)"
    )
    # A search asks segment after segment: a list of what is not sorted in would be read each time.
    op.execute("""
        CREATE INDEX client_search_words ON client_search
        USING gin (words_in_segment(segment, words)) WITH (fastupdate = off) WHERE segment > 0
    """)
    # To collect statistics of it takes seconds after each import, and nothing is planned by them.
    op.execute("ALTER INDEX client_search_words ALTER COLUMN 1 SET STATISTICS 0")
    op.execute("""
        INSERT INTO client_changes (client_ids)
        SELECT array_agg(client_id) FROM (
            SELECT client_id,
                (row_number() OVER (ORDER BY created_at, client_id) - 1) / 2000 AS part
            FROM clients
        ) AS parts GROUP BY part ORDER BY part
    """)
