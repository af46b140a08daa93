"""Controls: which runs may send at the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from services.dispatcher.domain.attempt import Retrying
from services.dispatcher.domain.due import Quiet
from services.dispatcher.domain.message import RUN_STOPPED, STOPPED
from services.dispatcher.domain.window import Window
from services.dispatcher.queue.flow import IS_FLOWING
from shared.contracts.catalog import OnUnknown, Priority
from shared.database import Connection, fragment, sql
from shared.event import finite
from shared.set_aside import is_free

UNFINISHED = "state NOT IN ('finished', 'archived')"  # of runs, as their index has it

# Why messages of run `r` are cancelled, if it was stopped.
STOPPED_REASON = fragment(
    "CASE WHEN r.stopped_at IS NULL THEN '{mailing}' ELSE '{run}' END",
    mailing=STOPPED,
    run=RUN_STOPPED,
)
# Whether mailing `m` pauses its run `r`. Once it has ended nobody can resume it: what of it is
# sent again goes by the switch and the window of its own run.
IS_MAILING_PAUSED = "(r.resent_from IS NULL AND coalesce(m.is_paused, false))"
# When the window of run `r` of mailing `m` ends: of the only run with its mailing, of others with
# the mailing at the latest. What is sent again has a window of its own.
ENDS_AT = """
    CASE WHEN r.resent_from IS NOT NULL THEN r.ends_at WHEN m.runs_once THEN m.ends_at
        ELSE least(r.ends_at, m.ends_at) END
"""
# Runs with what their own switch and their mailing's say now, of which the catalog had the last
# word. What an event says that could not be applied nobody knows: its mailing is paused until it
# is replayed.
CONTROLLED_RUNS = fragment(
    """
    SELECT r.run_id, r.gateway, r.state, r.traceparent, r.is_by_chunk, r.starts_at,
        {ends_at} AS ends_at,
        r.paused_at IS NOT NULL OR {is_mailing_paused}
            OR EXISTS (SELECT FROM dead_letters WHERE key = r.mailing_id) AS is_paused,
        r.stopped_at IS NOT NULL OR coalesce(m.is_stopped, false) AS is_stopped,
        {stopped_reason} AS stopped_reason,
        greatest(
            r.starts_at, coalesce(r.begun_at, r.created_at), m.resumed_at, r.resumed_at
        ) AS allowed_since,
        coalesce(g.is_paused, false) AS is_gateway_paused, g.version_id AS current_version_id,
        r.max_attempts, r.on_unknown, r.priority, r.quiet_hours
    FROM runs r LEFT JOIN mailings m USING (mailing_id) LEFT JOIN gateways g ON g.name = r.gateway
    """,
    ends_at=ENDS_AT,
    stopped_reason=STOPPED_REASON,
    is_mailing_paused=IS_MAILING_PAUSED,
)
KNOWN = frozenset(OnUnknown)
CLAIM = "claim"  # the loop, by which runs are set aside of which something cannot be claimed

# Runs of which a message may be started now. `latest`: what a window must end after for that.
SENDABLE_RUNS = fragment(
    """
    SELECT * FROM ({controlled}) AS controlled
    WHERE state IN ('expanding', 'sending') AND NOT is_paused AND NOT is_stopped
        AND NOT is_gateway_paused AND starts_at <= :now AND ends_at > :latest AND {is_free}
        AND {is_flowing}
    """,
    controlled=CONTROLLED_RUNS,
    is_free=is_free(CLAIM, "controlled.run_id"),
    is_flowing=IS_FLOWING,
)


@dataclass(frozen=True, slots=True)
class Control:
    """What is allowed of a run now."""

    run_id: UUID
    gateway: str
    is_open: bool
    window: Window
    retrying: Retrying | None = None  # None: its mailing says nothing of that
    priority: Priority = Priority.NORMAL


CONTROLS = fragment(
    """
    SELECT run_id, gateway, starts_at, ends_at, allowed_since, max_attempts, on_unknown, priority,
        quiet_hours,
        NOT is_paused AND NOT is_stopped AND NOT is_gateway_paused AS is_open
    FROM ({controlled}) AS controlled WHERE run_id = ANY(CAST(:run_ids AS uuid[]))
    """,
    controlled=CONTROLLED_RUNS,
)
_CONTROLS = sql(CONTROLS)


async def controls(db: Connection, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs."""
    rows = await db.execute(_CONTROLS, {"run_ids": run_ids})
    return [control_of(row) for row in rows]


def control_of(row: Any) -> Control:  # noqa: ANN401 - a row of CONTROLS
    """Return what such a row says."""
    starts_at, ends_at = finite(row.starts_at), finite(row.ends_at)
    allowed_since = finite(row.allowed_since)
    window = Window(starts_at.timestamp(), ends_at.timestamp(), allowed_since.timestamp())
    priority = Priority(row.priority)
    return Control(row.run_id, row.gateway, row.is_open, window, _retrying(row), priority)


def _retrying(row: Any) -> Retrying | None:  # noqa: ANN401 - a row of CONTROLS
    quiet = _quiet(row.quiet_hours)
    if row.max_attempts is None and row.on_unknown is None and quiet is None:
        return None
    # What a newer release may say is left to the gateway's description.
    wanted = OnUnknown(row.on_unknown) if row.on_unknown in KNOWN else None
    return Retrying(row.max_attempts, wanted, quiet)


def _quiet(hours: Any) -> Quiet | None:  # noqa: ANN401 - what a run has
    """Return the quiet hours that were pinned when the run was expanded."""
    if hours is None or "zone" not in hours:
        return None
    return msgspec.convert(hours, Quiet)
