"""Sums of runs' figures, by mailing and of all, kept by whatever changes a run.

A trigger, so that also a release that knows nothing of them keeps them right. It costs a batch of
events a fraction of a millisecond. What waits for the same mailing's row has waited for its run's
before. The sums of all are spread over rows by connection: hardly any batch waits for another.
"""

from alembic import op

from shared.database import fragment

revision = "0006"
down_revision = "0005"

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
SUMS = ["planned_count", "attempt_count", *COUNTS]
# Topics overtake each other for moments: a message that had an event was planned.
VALUES = [f"greatest(planned_count, {' + '.join(COUNTS)})", "attempt_count", *COUNTS]

CHANGES = {
    "INSERT": "SELECT 1 AS sign, * FROM added",
    "UPDATE": "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    "DELETE": "SELECT -1 AS sign, * FROM removed",
}
NAMES = {
    "INSERT": "NEW TABLE AS added",
    "UPDATE": "OLD TABLE AS removed NEW TABLE AS added",
    "DELETE": "OLD TABLE AS removed",
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
    columns = ", ".join(f"{each} bigint NOT NULL" for each in ("run_count", *SUMS))
    op.execute(f"""
        CREATE TABLE mailings (
            generation integer NOT NULL,
            mailing_id uuid NOT NULL,
            last_run_at timestamptz,
            {columns},
            CONSTRAINT mailings_pkey PRIMARY KEY (generation, mailing_id)
        ) WITH (fillfactor = 70)
    """)
    op.execute("""
        CREATE INDEX mailings_newest ON mailings (
            generation, (coalesce(last_run_at, timestamptz '2200-01-01T00:00:00Z')), mailing_id
        )
    """)
    op.execute(f"""
        CREATE TABLE totals (
            generation integer NOT NULL,
            slot smallint NOT NULL,
            mailing_count bigint NOT NULL,
            {columns},
            CONSTRAINT totals_pkey PRIMARY KEY (generation, slot)
        ) WITH (fillfactor = 20)
    """)
    op.execute("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE")
    op.execute(_add("SELECT 1 AS sign, * FROM runs"))
    for operation, changes in CHANGES.items():
        name = f"add_up_runs_on_{operation.lower()}"
        op.execute(f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN {_add(changes)}; RETURN NULL; END $$
        """)
        op.execute(f"""
            CREATE TRIGGER {name} AFTER {operation} ON runs REFERENCING {NAMES[operation]}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}()
        """)
    op.execute("CREATE INDEX runs_of_mailing ON runs (generation, mailing_id, run_id)")
    op.execute("DROP INDEX runs_mailing_id_idx")


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
