"""Plain results of many messages of a chunk in one row, and which messages those are."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE chunks ADD COLUMN recorded varbit")
    op.execute("""
        CREATE TABLE blocks (
            run_id uuid NOT NULL,
            chunk integer NOT NULL,
            epoch integer NOT NULL,
            number integer NOT NULL,
            places varbit NOT NULL,
            started_at timestamptz NOT NULL,
            starts bytea NOT NULL,
            durations bytea NOT NULL,
            reason text NOT NULL,
            status_code integer,
            gateway_ids text,
            answer text NOT NULL,
            answers text,
            CONSTRAINT blocks_pkey PRIMARY KEY (run_id, chunk, epoch, number)
        )
    """)
    # What columns hold: 32 bits, big-endian, for each message; texts with U+001F between them.
    op.execute("""
        CREATE FUNCTION number_at(numbers bytea, k integer) RETURNS bigint
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT (CAST(get_byte(numbers, 4 * k - 4) AS bigint) << 24)
                + (get_byte(numbers, 4 * k - 3) << 16)
                + (get_byte(numbers, 4 * k - 2) << 8)
                + get_byte(numbers, 4 * k - 1)
        $$
    """)
    op.execute("""
        CREATE FUNCTION attempt_in_block(block blocks, n integer)
        RETURNS TABLE (
            attempt integer, kind text, started_at timestamptz, ended_at timestamptz,
            outcome text, reason text, status_code integer, gateway_message_id text, answer text
        )
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
            SELECT 1, 'answer', began, began
                    + number_at((block).durations, k) * interval '1 microsecond',
                'accepted', (block).reason, (block).status_code, own_id,
                coalesce(
                    nullif(split_part((block).answers, E'\\x1f', k), ''),
                    replace((block).answer, E'\\x1e', coalesce(own_id, ''))
                )
            FROM (
                SELECT CAST(bit_count(substring((block).places FROM 1 FOR n)) AS integer) AS k
            ) AS place, LATERAL (
                SELECT (block).started_at
                        + number_at((block).starts, k) * interval '1 microsecond' AS began,
                    nullif(split_part((block).gateway_ids, E'\\x1f', k), '') AS own_id
            ) AS message
        $$
    """)
    op.execute("""
        CREATE VIEW all_attempts AS
        SELECT * FROM attempts
        UNION ALL
        SELECT b.run_id, ids.client_id, own.attempt, own.kind, own.started_at, own.ended_at,
            own.outcome, own.reason, own.status_code, own.gateway_message_id, own.answer
        FROM blocks b JOIN chunks c USING (run_id, chunk)
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        CROSS JOIN LATERAL attempt_in_block(b, CAST(ids.n AS integer)) AS own
        WHERE get_bit(b.places, CAST(ids.n AS integer) - 1) = 1
    """)
