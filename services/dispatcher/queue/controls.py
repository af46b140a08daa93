"""The controls: what is allowed of runs now, and what their messages say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.dispatcher.tables import runs
from shared.database import Connection
from shared.event import finite
from shared.template import Template, TemplateInvalid, compile_template

# What may be sent at the moment, of which the catalog had the last word.
CONTROLS = """
    SELECT r.run_id, NOT coalesce(m.is_paused OR m.is_stopped, false) AS is_open,
        least(r.ends_at, m.ends_at) AS ends_at
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    WHERE r.run_id = ANY(CAST(:run_ids AS uuid[]))
"""


NOTHING = Template("", ())


@dataclass(frozen=True, slots=True)
class Control:
    """What is allowed of a run now."""

    run_id: UUID
    is_open: bool
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Texts:
    """What the messages of a run say, and the trace it belongs to."""

    body: Template
    subject: Template | None
    traceparent: str | None
    is_valid: bool = True  # if not, nothing of it can be sent


async def controls(db: Connection, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs."""
    rows = await db.execute(text(CONTROLS), {"run_ids": run_ids})
    return [control_of(row) for row in rows]


def control_of(row: Any) -> Control:  # noqa: ANN401 - a row of CONTROLS
    """Return what such a row says."""
    return Control(row.run_id, row.is_open, finite(row.ends_at))


async def texts(db: Connection, run_ids: Sequence[UUID]) -> dict[UUID, Texts]:
    """Return what the messages of these runs say, ready to be rendered."""
    wanted = select(runs.c.run_id, runs.c.body, runs.c.subject, runs.c.traceparent)
    rows = await db.execute(wanted.where(runs.c.run_id.in_(run_ids)))
    return {run_id: _texts(*columns) for run_id, *columns in rows}


def _texts(body: str, subject: str | None, traceparent: str | None) -> Texts:
    """Return what a run says; the catalog lets no other than templates pass, but who knows."""
    try:
        return Texts(
            compile_template(body, "/body"),
            compile_template(subject, "/subject") if subject is not None else None,
            traceparent,
        )
    except TemplateInvalid:
        return Texts(NOTHING, None, traceparent, is_valid=False)
