"""Gateways: as they are described, and as all replicas see them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, Row, Select, case, func, literal_column, select, text
from sqlalchemy.dialects.postgresql import JSONB

from services.dispatcher.domain.gateway import GatewayUnknown
from services.dispatcher.domain.recent import percentile
from services.dispatcher.queue.gateways import IS_NOTED, problem_of
from services.dispatcher.tables import gateway_states as states
from services.dispatcher.tables import gateways as table
from shared.database import INSTANT, Connection, fragment
from shared.event import Instant
from shared.http import View

Json: TypeAlias = dict[str, Any]

STALE_S = 15  # three reports are missing


class FailureView(View):
    """The last attempt that says that a gateway does not work."""

    at: Instant
    reason: str = Field(examples=["timeout"])
    status_code: int | None = Field(examples=[503])


class AnswersView(View):
    """What came of attempts."""

    accepted: int
    refused: int = Field(description="It will never take these messages.")
    not_processed: int = Field(description="Certainly not taken; the same may work later.")
    unknown: int = Field(description="They may have been taken.")


class UsageView(View):
    """How a gateway is used, and what it answered in the last five minutes."""

    in_flight: int = Field(description="Requests under way.")
    free: int = Field(description="How many more may begin.")
    answers: AnswersView
    p50_s: float | None = Field(
        description="By when half of them were answered, in seconds, about; none: there are none.",
        examples=[0.12],
    )
    p95_s: float | None = Field(description="The same of 95 in 100.", examples=[0.4])
    last_failure: FailureView | None = Field(description="None: none was seen.")


class ReplicaView(UsageView):
    """What one process sees of a gateway."""

    replica: str = Field(
        description="Its machine, or container, as that calls itself.", examples=["dispatcher-0"]
    )
    replica_id: UUID = Field(description="As long as it runs.")
    started_at: Instant
    reported_at: Instant
    is_stale: bool = Field(description="It reports no more: it was killed, or hangs.")


class ProblemView(View):
    """A dispatcher that cannot use a gateway, and why."""

    replica: str | None = Field(
        description="Its machine, or container; none: it is of an older release.",
        examples=["dispatcher-0"],
    )
    problem: str


class GatewayRow(View):
    """A gateway, as it is described."""

    name: str
    kind: str
    contact: Literal["phone", "email"] | None  # what it needs of a client
    description: dict[str, Any]  # secrets are only referred to
    is_paused: bool
    problem: str | None = Field(description="What keeps a dispatcher from using it.")
    replicas_with_problem: int = Field(description="So many dispatchers cannot use it.")
    problems: list[ProblemView] = Field(description="Which these are, and what keeps each.")
    version: int
    created_at: Instant
    changed_at: Instant
    breaker: Literal["closed", "open", "half_open"]  # open: it fails, and gets probes only
    breaker_reason: str | None  # what it opened for last
    next_probe_at: Instant | None
    waits_until: Instant | None  # it asked us to wait
    together: UsageView = Field(
        description="How all replicas use it, as they reported in the last seconds."
    )
    replicas: list[ReplicaView] = Field(description="The same of each of them.")


# What dispatchers see of gateways; of those without a row there is nothing to be seen.
_IS_PAST = states.c.paused_until <= text(INSTANT)
_SEEN = (
    func.coalesce(states.c.breaker, "closed").label("breaker"),
    states.c.breaker_reason,
    case((states.c.breaker == "open", states.c.next_probe_at)).label("next_probe_at"),
    case((_IS_PAST, None), else_=states.c.paused_until).label("waits_until"),
)
_NUMBER = """(
    SELECT count(*) FROM gateway_problems p WHERE p.name = gateways.name AND {is_noted}
)"""
_PROBLEMS = fragment(
    """
    (
        SELECT coalesce(jsonb_agg(
            jsonb_build_object('replica', p.host, 'problem', p.problem)
            ORDER BY p.host, p.replica_id
        ), '[]')
        FROM gateway_problems p WHERE p.name = gateways.name AND {is_noted}
    )
    """,
    is_noted=IS_NOTED,
)
_PROBLEM: ColumnElement[str | None] = literal_column(problem_of("gateways.name"))
_NUMBER_WITH_PROBLEM: ColumnElement[int] = literal_column(fragment(_NUMBER, is_noted=IS_NOTED))
_OWN = [column for column in table.c if column.name != "problem"]
_REPLICAS = fragment(
    """
    (
        SELECT jsonb_agg(to_jsonb(own) || jsonb_build_object(
            'is_stale', reported_at < {now} - interval '{stale_s} seconds'
        ) ORDER BY host, started_at)
        FROM gateway_replicas AS own WHERE own.gateway = gateways.name
    )
    """,
    now=INSTANT,
    stale_s=str(STALE_S),
)
_GATEWAYS: Select[Any] = (
    select(
        *_OWN,
        _PROBLEM.label("problem"),
        _NUMBER_WITH_PROBLEM.label("replicas_with_problem"),
        literal_column(_PROBLEMS, JSONB).label("problems"),
        *_SEEN,
        literal_column(_REPLICAS, JSONB).label("reports"),
    )
    .outerjoin(states, states.c.name == table.c.name)
    .where(~table.c.is_removed)
)


async def gateways(db: Connection) -> list[GatewayRow]:
    """Return all gateways, by name."""
    rows = await db.execute(_GATEWAYS.order_by(table.c.name))
    return [_row(row) for row in rows]


async def gateway(db: Connection, name: str) -> GatewayRow:
    """Return one gateway.

    Raises:
        GatewayUnknown: No gateway has this name.
    """
    row = (await db.execute(_GATEWAYS.where(table.c.name == name))).one_or_none()
    if row is None:
        raise GatewayUnknown
    return _row(row)


def _row(row: Row[Any]) -> GatewayRow:
    """Return a gateway; what is stale counts for nothing in what replicas see together."""
    reports: Sequence[Json] = row.reports or ()
    fields = row._mapping  # noqa: SLF001 - how a row is read by name
    return GatewayRow.model_validate({
        **fields,
        "together": _usage([each for each in reports if not each["is_stale"]]),
        "replicas": [each | _usage([each]) | {"replica": each["host"]} for each in reports],
    })  # fmt: skip


def _usage(reports: Sequence[Json]) -> dict[str, Any]:
    """Return the fields of `UsageView` of some processes together."""
    durations: Counter[int] = Counter()
    for each in reports:
        durations.update(dict(enumerate(each["durations"])))
    classes = [durations[number] for number in range(len(durations))]
    failed = [each for each in reports if each["failed_at"] is not None]
    last = max(failed, key=lambda each: datetime.fromisoformat(each["failed_at"]), default=None)
    return {
        "in_flight": sum(each["in_flight"] for each in reports),
        "free": sum(each["free"] for each in reports),
        "answers": {
            name: sum(each[name] for each in reports) for name in AnswersView.model_fields
        },
        "p50_s": percentile(classes, 0.5),
        "p95_s": percentile(classes, 0.95),
        "last_failure": last
        and {
            "at": last["failed_at"],
            "reason": last["failure_reason"],
            "status_code": last["failure_status"],
        },
    }
