"""Clients by words, the newest first, with counters of tags and codes; and which have changed."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("CREATE INDEX clients_newest ON clients (created_at, client_id)")
    op.execute("""
        CREATE TABLE client_changes (
            change_id bigint GENERATED ALWAYS AS IDENTITY,
            client_ids uuid[] NOT NULL,
            CONSTRAINT client_changes_pkey PRIMARY KEY (change_id)
        )
    """)
    op.execute("""
        CREATE TABLE client_search (
            client_id uuid NOT NULL,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            tags text[] NOT NULL,
            operator_code text,
            words tsvector NOT NULL,
            CONSTRAINT client_search_pkey PRIMARY KEY (client_id)
        )
    """)
    op.execute("CREATE INDEX client_search_newest ON client_search (created_at, client_id)")
    op.execute("CREATE INDEX client_search_words ON client_search USING gin (words)")
    op.execute("""
        CREATE TABLE client_facets (
            kind text NOT NULL,
            value text NOT NULL,
            count bigint NOT NULL,
            CONSTRAINT client_facets_pkey PRIMARY KEY (kind, value)
        )
    """)
    op.execute("CREATE INDEX client_facets_most ON client_facets (kind, count)")
    # By triggers, so that it holds for whatever changes clients, be it another release.
    op.execute("""
        CREATE FUNCTION note_client_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO client_changes (client_ids)
            SELECT array_agg(client_id) FROM touched HAVING count(*) > 0;
            RETURN NULL;
        END $$
    """)
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(f"""
            CREATE TRIGGER note_changes_on_{event.lower()} AFTER {event} ON clients
            REFERENCING {rows} TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION note_client_changes()
        """)
    # Those that are there already are followed as if they had just come.
    op.execute("""
        INSERT INTO client_changes (client_ids)
        SELECT array_agg(client_id) FROM (
            SELECT client_id, (row_number() OVER (ORDER BY client_id) - 1) / 2000 AS part
            FROM clients
        ) AS parts GROUP BY part ORDER BY part
    """)
