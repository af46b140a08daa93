"""How often rows of an import were rejected, by reason; imports by their start and end."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE import_rejection_counts (
            import_id uuid NOT NULL,
            "column" text NOT NULL,
            code text NOT NULL,
            count bigint NOT NULL,
            CONSTRAINT import_rejection_counts_pkey PRIMARY KEY (import_id, "column", code)
        )
    """)
    op.execute("CREATE INDEX imports_newest ON imports (started_at, import_id)")
    op.execute("CREATE INDEX imports_ended ON imports (ended_at)")
