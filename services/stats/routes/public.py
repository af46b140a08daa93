"""The public figures over HTTP: of mailings, for everybody, and no personal data, ever.

They have their own connections and bounds, so however many look, nothing else waits.
"""

from typing import Annotated, Any, Literal, TypeAlias, cast
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field

from services.stats.handlers.broadcasting import Broadcast, TooManyWatchers
from services.stats.handlers.reading import PublicReads, Shared, encoded
from services.stats.queries import live
from services.stats.queries.by_client import ByStatus, Recipients
from services.stats.queries.figures import MailingUnknown, RunUnknown
from services.stats.queries.series import SeriesDeleted, series
from services.stats.routes.stream import LiveStream
from shared.database import autocommit, now
from shared.errors import Overloaded
from shared.event import Instant
from shared.http import (
    BadCursor,
    Cursor,
    answers,
    cursor_of,
    instant_and_id,
    newest_key,
    position,
    strict_router,
)

router = strict_router("/public/v1", "public", has_own_admission=True)

LARGEST_PAGE = 100

Step: TypeAlias = Literal["1s", "10s", "60s"]
Status: TypeAlias = Literal["planned", "running", "paused", "stopped", "finished", "missed"]


class LiveRun(BaseModel):
    """The run of a mailing that began last."""

    number: int = Field(description="How many runs there were, with this one.")
    nominal: str | None = Field(description="Names the occurrence: once, or a local time.")


class LiveMailing(BaseModel):
    """A mailing as everybody may see it."""

    mailing_id: UUID
    name: str | None = Field(description="None: it is not shown, or not known.")
    status: Status
    created_at: Instant | None
    starts_at: Instant | None
    ends_at: Instant | None
    is_recurring: bool = Field(description="It runs again and again, by its schedule.")
    next_at: Instant | None = Field(
        description="When it runs next. None: it does not recur, is over, or it is not known."
    )
    run: LiveRun
    planned: int
    attempts: int
    by_status: ByStatus
    recipients: Recipients | None = Field(
        description="The same by client. None: nothing was sent again, each message is a client."
    )
    rate_per_s: float | None = Field(
        description="Messages that become final; None: not known yet, nobody was watching."
    )
    done_at: Instant | None = Field(description="When all are done at this rate.")
    will_expire: int | None = Field(description="How many won't be done in time at this rate.")


class PublicRun(BaseModel):
    """A run as everybody may see it."""

    run_id: UUID
    nominal: str | None
    began_at: Instant | None
    missed_at: Instant | None
    missed_reason: str | None
    finished_at: Instant | None
    planned: int
    attempts: int
    by_status: ByStatus


class LivePage(BaseModel):
    """Some of the mailings, the newest first."""

    items: list[LiveMailing]
    next_cursor: str | None
    as_of: Instant | None
    lag_s: float | None


class LiveMailingRuns(LiveMailing):
    """A mailing with its newest runs."""

    runs: list[PublicRun]


class CountsOverTime(BaseModel):
    """Messages by status, one number for each instant; all lists are equally long."""

    retry: list[int]
    delivered: list[int]
    failed: list[int]
    expired: list[int]
    cancelled: list[int]
    undetermined: list[int]
    suppressed: list[int]


class Series(BaseModel):
    """The series of a run: how many messages have reached the status that they are in, and when.

    Each message is in one point, so points add up to the run's figures.
    """

    mailing_id: UUID
    run_id: UUID | None = Field(description="None: no run has begun.")
    nominal: str | None
    step_s: int = Field(description="Seconds of a point: as asked, or more where it took long.")
    at: list[Instant] = Field(
        description="When points begin; those without messages are left out."
    )
    by_status: CountsOverTime
    is_complete: bool = Field(
        description="False: an older release has counted some of it, which are added by and by."
    )


class EventStream(Response):
    """Server-sent events."""

    media_type = "text/event-stream"


def _reads(request: Request) -> PublicReads:
    state = request.app.state
    if not hasattr(state, "public_reads"):  # put together for reads alone
        state.public_reads = PublicReads(state.pool, Broadcast(largest=0, largest_of_address=0))
    return cast("PublicReads", state.public_reads)


def _address(request: Request) -> str:
    """Return who asks: as the door says, which has it from nobody but the connection."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return forwarded or (request.client.host if request.client else "")


Reads: TypeAlias = Annotated[PublicReads, Depends(_reads)]
Address: TypeAlias = Annotated[str, Depends(_address)]


@router.get(
    "/mailings",
    operation_id="list_public_mailings",
    response_model=LivePage,
    responses=answers(BadCursor, Overloaded),
)
async def mailings(
    reads: Reads,
    cursor: Cursor,
    q: Annotated[str | None, Query(max_length=200, description="Part of the name.")] = None,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE,
) -> Response:
    """Show a page of mailings with their figures, the newest first; a second old at most."""
    before = position(cursor, instant_and_id, None)

    async def read() -> Shared:
        async with autocommit(reads.pool) as db:
            head = await live.head(db)
            rows = await live.page(db, before=before, q=q, status=status, limit=limit + 1)
        shown = rows[:limit]
        rest = cursor_of(newest_key(shown[-1].newest, shown[-1].mailing_id)) if shown else None
        items = [_shown(reads, row, head.now) for row in shown]
        following = rest if len(rows) > limit else None
        return encoded({"items": items, "next_cursor": following, **head.fresh})

    return _answer(await reads.shared(("mailings", cursor, q, status, limit), read))


@router.get(
    "/mailings/{mailing_id}",
    operation_id="get_public_mailing",
    response_model=LiveMailingRuns,
    responses=answers(MailingUnknown, Overloaded),
)
async def mailing(reads: Reads, mailing_id: UUID) -> Response:
    """Show a mailing with its newest runs."""

    async def read() -> Shared:
        async with autocommit(reads.pool) as db:
            row = await live.one(db, mailing_id)
            if row is None:
                raise MailingUnknown
            runs = await live.runs(db, mailing_id)
            shown = _shown(reads, row, await now(db))
        return encoded(shown | {"runs": [live.run_of(each) for each in runs]})

    return _answer(await reads.shared(("mailing", mailing_id), read))


@router.get(
    "/mailings/{mailing_id}/series",
    operation_id="get_public_series",
    response_model=Series,
    responses=answers(MailingUnknown, RunUnknown, SeriesDeleted, Overloaded),
)
async def counts_over_time(
    reads: Reads,
    mailing_id: UUID,
    run_id: Annotated[UUID | None, Query(description="By default the newest run.")] = None,
    step: Annotated[Step, Query(description="The shortest time that a point stands for.")] = "1s",
) -> Response:
    """Show the series of a run over time, in at most 1,200 steps where days are enough."""

    async def read() -> Shared:
        async with autocommit(reads.pool) as db:
            if await live.one(db, mailing_id) is None:
                raise MailingUnknown
            return encoded(await series(db, mailing_id, run_id, int(step[:-1])))

    return _answer(await reads.shared(("series", mailing_id, run_id, step), read))


@router.get(
    "/live",
    operation_id="watch_public_mailings",
    response_class=EventStream,
    responses=answers(TooManyWatchers),
)
async def watch(
    reads: Reads,
    address: Address,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="As the stream was left.")
    ] = None,
) -> Response:
    """Stream figures as they change, as server-sent events, twice a second at most.

    `snapshot` has the mailings that are not over and those that just were, `delta` those that have
    changed, each as a whole, and `beat` says that nothing has. Each names how old figures are.
    Snapshots and deltas have totals, where runs of paused mailings count apart.
    """
    reads.broadcast.admit(address)
    return LiveStream(reads.broadcast, address, last_event_id)


def _shown(reads: PublicReads, row: Any, at: Instant) -> dict[str, Any]:  # noqa: ANN401 - a row
    rate = reads.rates.get(row.mailing_id)
    return live.live_of(row, rate, at, shows_names=reads.shows_names)


def _answer(shared: Shared) -> Response:
    headers = {"ETag": shared.etag, "Cache-Control": "public, max-age=1"}
    return Response(shared.body, media_type="application/json", headers=headers)
