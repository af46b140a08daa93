"""The retention: which finished runs are due to leave, and which are next."""

from datetime import timedelta
from uuid import UUID

from pydantic import Field

from services.dispatcher.queue.archiving import is_due
from shared.database import INSTANT, Connection, fragment, sql
from shared.event import Instant
from shared.http import View


class LeavingRun(View):
    """A finished run that is kept yet."""

    run_id: UUID
    mailing_id: UUID
    messages: int
    finished_at: Instant
    leaves_at: Instant | None = Field(description="None: it is kept for ever.")


class RetentionView(View):
    """How long finished runs are kept, and what leaves."""

    retention: timedelta | None = Field(
        description="RUN_RETENTION, of ISO 8601; none: for ever.", examples=["P90D"]
    )
    due_runs: int = Field(description="Runs that leave now.")
    due_messages: int = Field(description="Messages of these.")
    emptying_runs: int = Field(description="Archived runs whose messages are being deleted.")
    runs: list[LeavingRun] = Field(description="The runs that leave next, the oldest first.")


RETENTION = sql(
    """
    SELECT CAST(:retention AS interval) AS retention, due.due_runs, due.due_messages,
        (
            SELECT count(*) FROM runs WHERE state = 'archived' AND emptied_at IS NULL
        ) AS emptying_runs,
        (
            SELECT coalesce(
                jsonb_agg(to_jsonb(oldest) ORDER BY oldest.finished_at, oldest.run_id), '[]'
            )
            FROM (
                SELECT run_id, mailing_id, planned_count AS messages, finished_at,
                    finished_at + CAST(:retention AS interval) AS leaves_at
                FROM runs WHERE state = 'finished' ORDER BY finished_at, run_id LIMIT :limit
            ) AS oldest
        ) AS runs
    FROM (
        SELECT count(*) AS due_runs, coalesce(sum(planned_count), 0) AS due_messages
        FROM runs WHERE {is_due}
    ) AS due
    """,
    is_due=is_due(
        fragment(
            "coalesce(CAST(:before AS timestamptz), {now} - CAST(:retention AS interval))",
            now=INSTANT,
        )
    ),
)


async def plan(
    db: Connection, retention: timedelta | None, before: Instant | None, limit: int
) -> RetentionView:
    """Return what leaves now, before an instant if one is named, and up to `limit` next runs."""
    values = {"retention": retention, "before": before, "limit": limit}
    return RetentionView.model_validate((await db.execute(RETENTION, values)).one())
