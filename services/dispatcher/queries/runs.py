"""Runs: how far each of them is."""

from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.message import RunUnknown
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class RunView(View):
    """A run: how far it is."""

    run_id: UUID
    mailing_id: UUID
    gateway: str
    state: str
    planned: int
    open: int
    starts_at: Instant
    ends_at: Instant
    created_at: Instant
    finished_at: Instant | None


# The chunks of an unfinished run are few enough to be counted on; a finished one has none open.
RUNS = """
    SELECT r.run_id, r.mailing_id, r.gateway, r.state, r.planned_count AS planned,
        CASE WHEN r.state = 'finished' THEN 0 ELSE coalesce(
            (SELECT sum(open_count) FROM chunks c WHERE c.run_id = r.run_id), 0
        ) END AS open,
        r.starts_at, r.ends_at, r.created_at, r.finished_at
    FROM runs r
"""
RUN = text(f"{RUNS} WHERE r.run_id = :run_id")


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return one run.

    Raises:
        RunUnknown: No run has this identifier.
    """
    row = (await db.execute(RUN, {"run_id": run_id})).first()
    if row is None:
        raise RunUnknown
    return RunView.model_validate(row)


RUNS_PAGE = text(f"""
    {RUNS} WHERE r.run_id > :after AND (
        CAST(:mailing_id AS uuid) IS NULL OR r.mailing_id = CAST(:mailing_id AS uuid)
    )
    ORDER BY r.run_id LIMIT :limit
""")


async def runs(
    db: Connection, *, mailing_id: UUID | None, after: UUID, limit: int
) -> list[RunView]:
    """Return up to `limit` runs, of one mailing or of all, behind `after`."""
    values = {"mailing_id": mailing_id, "after": after, "limit": limit}
    return [RunView.model_validate(row) for row in await db.execute(RUNS_PAGE, values)]
