"""The events that Kafka refused: set aside, so that the outbox goes on with the others."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE unpublished (
            position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            recorded_at timestamptz NOT NULL,
            topic text,
            key bytea,
            batches bytea NOT NULL,
            reason text NOT NULL,
            is_held boolean NOT NULL,
            is_requested boolean NOT NULL DEFAULT false
        )
    """)
