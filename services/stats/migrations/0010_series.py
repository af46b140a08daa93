"""The series of runs: messages by the second in which they reached the state that they are in.

Of runs that are older than this release they are counted when these are proved.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

STATES = (
    "retry",
    "delivered",
    "failed",
    "expired",
    "cancelled",
    "undetermined",
    "suppressed",
)


def upgrade() -> None:
    counts = ", ".join(f"{state}_count integer NOT NULL" for state in STATES)
    op.execute(f"""
        CREATE TABLE series (
            generation integer NOT NULL,
            run_id uuid NOT NULL,
            step integer NOT NULL,
            at bigint NOT NULL,
            {counts},
            CONSTRAINT series_pkey PRIMARY KEY (generation, run_id, step, at)
        ) WITH (fillfactor = 50)
    """)
