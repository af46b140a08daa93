"""Starts that are on record before they are made, of many messages of a chunk in one row."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE starts (
            run_id uuid NOT NULL,
            chunk integer NOT NULL,
            epoch integer NOT NULL,
            number integer NOT NULL,
            attempt integer NOT NULL,
            places varbit NOT NULL,
            started_at timestamptz NOT NULL,
            CONSTRAINT starts_pkey PRIMARY KEY (run_id, chunk, epoch, number)
        )
    """)
    op.execute("""
        CREATE OR REPLACE VIEW all_attempts AS
        SELECT * FROM attempts
        UNION ALL
        SELECT b.run_id, ids.client_id, own.attempt, own.kind, own.started_at, own.ended_at,
            own.outcome, own.reason, own.status_code, own.gateway_message_id, own.answer
        FROM blocks b JOIN chunks c USING (run_id, chunk)
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        CROSS JOIN LATERAL attempt_in_block(b, CAST(ids.n AS integer)) AS own
        WHERE get_bit(b.places, CAST(ids.n AS integer) - 1) = 1
        UNION ALL
        SELECT s.run_id, ids.client_id, s.attempt, 'start', max(s.started_at), NULL, NULL, NULL,
            NULL, NULL, NULL
        FROM starts s JOIN chunks c USING (run_id, chunk)
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE get_bit(s.places, CAST(ids.n AS integer) - 1) = 1
        GROUP BY s.run_id, ids.client_id, s.attempt
    """)
