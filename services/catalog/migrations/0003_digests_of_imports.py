"""Digests of what was imported: by them another file under the same key is known.

An import that is under way begins anew when it is sent again: its chunks have no digests.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN digest bytea")
    op.execute("DROP TABLE import_chunks")
    op.execute("""
        CREATE TABLE import_chunks (
            import_id uuid NOT NULL,
            chunk integer NOT NULL,
            digest bytea NOT NULL,
            CONSTRAINT import_chunks_pkey PRIMARY KEY (import_id, chunk)
        )
    """)
