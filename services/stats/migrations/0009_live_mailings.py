"""What people see of a mailing: its name, window and status, and in which transaction it changed.

A row comes with the mailing itself or with its first run, whichever is read first. Names and
windows are those of mailings that are created or changed from now on, and after a rebuild of all.
"""

from alembic import op

from shared.database import fragment

revision = "0009"
down_revision = "0008"

STATES = (
    "retry",
    "delivered",
    "failed",
    "expired",
    "cancelled",
    "undetermined",
    "suppressed",
)
COUNTS = [f"{state}_count" for state in STATES]
SUMS = ["planned_count", "attempt_count", *COUNTS, "open_count", "missed_count"]
# Topics overtake each other for moments: a message that had an event was planned.
VALUES = [
    f"greatest(planned_count, {' + '.join(COUNTS)})",
    "attempt_count",
    *COUNTS,
    "CASE WHEN coalesce(finished_at, missed_at, archived_at) IS NULL THEN 1 ELSE 0 END",
    "CASE WHEN missed_at IS NULL THEN 0 ELSE 1 END",
]

CHANGES = {
    "INSERT": "SELECT 1 AS sign, * FROM added",
    "UPDATE": "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    "DELETE": "SELECT -1 AS sign, * FROM removed",
}

ADD = """
    WITH changes AS ({changes}), own AS (
        SELECT generation, mailing_id, sum(sign) AS run_count, {sums},
            max(coalesce(scheduled_at, missed_at)) FILTER (WHERE sign = 1) AS last_run_at,
            max(coalesce(scheduled_at, missed_at)) FILTER (WHERE sign = -1) AS before
        FROM changes GROUP BY generation, mailing_id
    ), of_mailings AS (
        INSERT INTO mailings AS known (generation, mailing_id, last_run_at, {columns})
        SELECT generation, mailing_id, last_run_at, {columns} FROM own
        WHERE mailing_id IS NOT NULL
            AND ({is_changed} OR last_run_at IS DISTINCT FROM before)
        ORDER BY generation, mailing_id
        ON CONFLICT ON CONSTRAINT mailings_pkey DO UPDATE SET
            last_run_at = greatest(known.last_run_at, excluded.last_run_at), {added}
        RETURNING generation, mailing_id, run_count
    ), of_all AS (
        SELECT generation, {sums_of_all},
            coalesce(sum(CAST(is_one AS integer) - CAST(was_one AS integer)), 0) AS mailing_count
        FROM own LEFT JOIN (
            SELECT of_mailings.generation, of_mailings.mailing_id,
                of_mailings.run_count > 0 AS is_one,
                of_mailings.run_count - own.run_count > 0 AS was_one
            FROM of_mailings JOIN own USING (generation, mailing_id)
        ) AS counted USING (generation, mailing_id)
        GROUP BY generation
    )
    INSERT INTO totals AS known (generation, slot, mailing_count, {columns})
    SELECT generation, pg_backend_pid() % 16, mailing_count, {columns} FROM of_all
    WHERE {is_changed} OR mailing_count <> 0 ORDER BY generation
    ON CONFLICT ON CONSTRAINT totals_pkey DO UPDATE SET
        mailing_count = known.mailing_count + excluded.mailing_count, {added}
"""


def upgrade() -> None:
    op.execute("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        ALTER TABLE mailings
            ADD COLUMN name text,
            ADD COLUMN starts_at timestamptz,
            ADD COLUMN ends_at timestamptz,
            ADD COLUMN run_nominal text,
            ADD COLUMN run_ends_at timestamptz,
            ADD COLUMN is_recurring boolean NOT NULL DEFAULT false,
            ADD COLUMN is_paused boolean NOT NULL DEFAULT false,
            ADD COLUMN created_at timestamptz,
            ADD COLUMN edited_at timestamptz,
            ADD COLUMN stopped_at timestamptz,
            ADD COLUMN deleted_at timestamptz,
            ADD COLUMN last_at timestamptz,
            ADD COLUMN version bigint NOT NULL DEFAULT 0,
            ADD COLUMN open_count bigint NOT NULL DEFAULT 0,
            ADD COLUMN missed_count bigint NOT NULL DEFAULT 0,
            ADD COLUMN changed_in bigint NOT NULL
                DEFAULT CAST(CAST(pg_current_xact_id() AS text) AS bigint),
            ALTER COLUMN run_count SET DEFAULT 0
    """)
    op.execute(
        "ALTER TABLE mailings "
        + ", ".join(f"ALTER COLUMN {each} SET DEFAULT 0" for each in SUMS[:-2])
    )
    op.execute("""
        ALTER TABLE totals
            ADD COLUMN open_count bigint NOT NULL DEFAULT 0,
            ADD COLUMN missed_count bigint NOT NULL DEFAULT 0
    """)
    op.execute(f"""
        UPDATE mailings SET open_count = counted.open_count, missed_count = counted.missed_count
        FROM (
            SELECT generation, mailing_id, sum({VALUES[-2]}) AS open_count,
                sum({VALUES[-1]}) AS missed_count
            FROM runs WHERE mailing_id IS NOT NULL GROUP BY generation, mailing_id
        ) AS counted
        WHERE counted.generation = mailings.generation
            AND counted.mailing_id = mailings.mailing_id
    """)  # noqa: S608 - pieces of ours
    op.execute(f"""
        UPDATE totals SET open_count = counted.open_count, missed_count = counted.missed_count
        FROM (
            SELECT generation, sum({VALUES[-2]}) AS open_count, sum({VALUES[-1]}) AS missed_count
            FROM runs GROUP BY generation
        ) AS counted
        WHERE counted.generation = totals.generation AND slot = (
            SELECT min(slot) FROM totals AS first WHERE first.generation = totals.generation
        )
    """)  # noqa: S608 - pieces of ours
    for operation, changes in CHANGES.items():
        op.execute(f"""
            CREATE OR REPLACE FUNCTION add_up_runs_on_{operation.lower()}()
            RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {_add(changes)}; RETURN NULL; END $$
        """)
    # Also of a release that knows nothing of it: what changes is seen by who asks since when.
    op.execute("""
        CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.changed_in := CAST(CAST(pg_current_xact_id() AS text) AS bigint);
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER note_transaction BEFORE UPDATE ON mailings
        FOR EACH ROW EXECUTE FUNCTION note_transaction()
    """)
    op.execute("CREATE INDEX mailings_changed ON mailings (generation, changed_in)")
    op.execute("""
        CREATE INDEX mailings_created ON mailings (
            generation, (coalesce(created_at, last_run_at, timestamptz '2200-01-01T00:00:00Z')),
            mailing_id
        )
    """)


def _add(changes: str) -> str:
    """Return the statement that adds what has changed of runs to the sums."""
    names = ["run_count", *SUMS]
    pairs = zip(VALUES, SUMS, strict=True)
    return fragment(
        ADD,
        changes=changes,
        columns=", ".join(names),
        sums=", ".join(f"sum(sign * ({value})) AS {name}" for value, name in pairs),
        sums_of_all=", ".join(f"sum({each}) AS {each}" for each in names),
        is_changed=" OR ".join(f"{each} <> 0" for each in names),
        added=", ".join(f"{each} = known.{each} + excluded.{each}" for each in names),
    )
