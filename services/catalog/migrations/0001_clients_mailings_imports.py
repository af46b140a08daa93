"""Clients, mailings, imports."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE clients (
            client_id uuid PRIMARY KEY,
            phone text,
            operator_code text,
            tags text[] NOT NULL,
            time_zone text,
            email text,
            full_name text,
            comment text,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE UNIQUE INDEX clients_phone_key ON clients (phone)")
    op.execute("""
        CREATE TABLE mailings (
            mailing_id uuid PRIMARY KEY,
            name text NOT NULL,
            body text NOT NULL,
            subject text,
            filter jsonb NOT NULL,
            starts_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            gateway text NOT NULL,
            status text NOT NULL,
            has_begun boolean NOT NULL,
            missed_reason text,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE imports (
            import_id uuid PRIMARY KEY,
            status text NOT NULL,
            epoch integer NOT NULL,
            beat bigint NOT NULL,
            row_count bigint NOT NULL,
            created_count bigint NOT NULL,
            changed_count bigint NOT NULL,
            unchanged_count bigint NOT NULL,
            rejected_count bigint NOT NULL,
            size_bytes bigint NOT NULL,
            failure_reason text,
            started_at timestamptz NOT NULL,
            ended_at timestamptz
        )
    """)
    op.execute("CREATE INDEX imports_running ON imports (import_id) WHERE status = 'running'")
    op.execute("""
        CREATE TABLE import_chunks (
            import_id uuid NOT NULL,
            epoch integer NOT NULL,
            chunk integer NOT NULL,
            CONSTRAINT import_chunks_pkey PRIMARY KEY (import_id, epoch, chunk)
        )
    """)
    op.execute("""
        CREATE TABLE import_rejections (
            import_id uuid NOT NULL,
            "row" bigint NOT NULL,
            place integer NOT NULL,
            "column" text,
            reason text NOT NULL,
            CONSTRAINT import_rejections_pkey PRIMARY KEY (import_id, "row", place)
        )
    """)
