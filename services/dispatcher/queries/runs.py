"""Runs: how far each of them is."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.test_send import TEST_SENDS
from services.dispatcher.queue.controls import ENDS_AT, IS_MAILING_PAUSED
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.event import Instant
from shared.http import View


class SwitchView(View):
    """A switch that keeps a run from being sent."""

    of: Literal["mailing", "run"] = Field(
        description="Where it was set, and is lifted: `mailing` at the catalog, `run` here."
    )
    since: Instant | None = Field(description="None: it was set in an older release.")
    by: str | None = Field(description="As they named themselves.", examples=["anna"])


class RunView(View):
    """A run: how far it is."""

    run_id: UUID
    mailing_id: UUID
    gateway: str
    priority: str = Field(
        description="Among those that share the gateway: urgent, normal or bulk.",
        examples=["normal"],
    )
    state: str
    planned: int
    open: int
    starts_at: Instant
    ends_at: Instant = Field(description="With its mailing, if that ends earlier now.")
    created_at: Instant
    finished_at: Instant | None
    archived_at: Instant | None = Field(description="Since then its messages are gone.")
    totals: dict[State, int] | None = Field(
        description="Of an archived run, for good: its messages by state.",
        examples=[{"delivered": 98, "failed": 2}],
    )
    attempts: int | None = Field(description="Of an archived run, for good.", examples=[104])
    resent_from: UUID | None = Field(
        description="The run of which this one sends some again.", examples=[None]
    )
    paused: list[SwitchView] = Field(description="The switches that pause it: none, one or both.")
    stopped: list[SwitchView] = Field(description="The same for those that stop it for good.")


# The chunks of an unfinished run are few enough to be counted on; a finished one has none open.
RUNS = fragment(
    """
    SELECT r.run_id, r.mailing_id, r.gateway, r.priority, r.state, r.planned_count AS planned,
        CASE WHEN r.state IN ('finished', 'archived') THEN 0 ELSE coalesce(
            (SELECT sum(open_count) FROM chunks c WHERE c.run_id = r.run_id), 0
        ) END AS open,
        r.starts_at, {ends_at} AS ends_at, r.created_at, r.finished_at, r.archived_at, r.totals,
        r.attempt_count AS attempts, r.resent_from,
        r.paused_at, r.paused_by, r.stopped_at, r.stopped_by,
        {is_mailing_paused} AS is_mailing_paused, m.paused_at AS mailing_paused_at,
        m.paused_by AS mailing_paused_by, m.is_stopped AS is_mailing_stopped,
        m.stopped_at AS mailing_stopped_at, m.stopped_by AS mailing_stopped_by
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    """,
    ends_at=ENDS_AT,
    is_mailing_paused=IS_MAILING_PAUSED,
)
FIELDS = tuple(name for name in RunView.model_fields if name not in ("paused", "stopped"))
RUN = sql("{runs} WHERE r.run_id = :run_id", runs=RUNS)


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return one run.

    Raises:
        RunUnknown: No run has this identifier.
    """
    row = (await db.execute(RUN, {"run_id": run_id})).first()
    if row is None:
        raise RunUnknown
    return _view(row)


def _view(row: Any) -> RunView:  # noqa: ANN401 - a row of RUNS
    """Return a run as it is shown."""
    paused, stopped = [], []
    if row.is_mailing_paused:
        since, by = row.mailing_paused_at, row.mailing_paused_by
        paused.append(SwitchView(of="mailing", since=since, by=by))
    if row.paused_at is not None:
        paused.append(SwitchView(of="run", since=row.paused_at, by=row.paused_by))
    if row.is_mailing_stopped:
        since, by = row.mailing_stopped_at, row.mailing_stopped_by
        stopped.append(SwitchView(of="mailing", since=since, by=by))
    if row.stopped_at is not None:
        stopped.append(SwitchView(of="run", since=row.stopped_at, by=row.stopped_by))
    fields = {name: getattr(row, name) for name in FIELDS}
    return RunView(**fields, paused=paused, stopped=stopped)


RUNS_PAGE = """
    {runs} WHERE {of} AND (r.created_at, r.run_id) < (
        coalesce(CAST(:at AS timestamptz), 'infinity'),
        coalesce(CAST(:run_id AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
    ORDER BY r.created_at DESC, r.run_id DESC LIMIT :limit
"""
ALL_RUNS = sql(RUNS_PAGE, runs=RUNS, of=f"r.mailing_id <> '{TEST_SENDS}'")
RUNS_OF_MAILING = sql(RUNS_PAGE, runs=RUNS, of="r.mailing_id = :mailing_id")


async def runs(
    db: Connection, *, mailing_id: UUID | None, before: tuple[Instant, UUID] | None, limit: int
) -> list[RunView]:
    """Return up to `limit` runs, the newest first, from behind an instant and identifier.

    Of one mailing or of all; test sends are listed by the mailing that all of them are of.
    """
    at, run_id = before or (None, None)
    values = {"mailing_id": mailing_id, "at": at, "run_id": run_id, "limit": limit}
    statement = ALL_RUNS if mailing_id is None else RUNS_OF_MAILING
    return [_view(row) for row in await db.execute(statement, values)]
