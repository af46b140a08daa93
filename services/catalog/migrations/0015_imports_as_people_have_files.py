"""What imports are told of a file, find in it and reject; and clients that are known elsewhere."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN external_id text")
    op.execute("""
        CREATE UNIQUE INDEX clients_external_id_key ON clients (external_id)
        WHERE external_id IS NOT NULL
    """)
    op.execute("""
        ALTER TABLE imports
            ADD COLUMN file_name text,
            ADD COLUMN options jsonb,
            ADD COLUMN found jsonb,
            ADD COLUMN is_dry_run boolean NOT NULL DEFAULT false
    """)
    op.execute("ALTER TABLE import_rejections ADD COLUMN raw text")
    op.execute("""
        CREATE TABLE import_drafts (
            import_id uuid NOT NULL,
            client_id uuid NOT NULL,
            phone text,
            email text,
            external_id text,
            state bytea NOT NULL,
            CONSTRAINT import_drafts_pkey PRIMARY KEY (import_id, client_id)
        )
    """)
    op.execute("CREATE INDEX import_drafts_phone ON import_drafts (import_id, phone)")
    op.execute(
        'CREATE INDEX import_drafts_email ON import_drafts (import_id, lower(email COLLATE "C"))'
    )
    op.execute("CREATE INDEX import_drafts_external_id ON import_drafts (import_id, external_id)")
