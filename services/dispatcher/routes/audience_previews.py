"""Previews of audiences over HTTP: whom a filter selects, before anything is saved."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, TypeAlias, cast
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from pydantic import Field

from services.dispatcher.domain.due import USUAL, PlatformTimes, Timing, local_of, quiet_of
from services.dispatcher.queries import audience as queries
from services.dispatcher.queries.audience import AudienceView, PreviewedClient, Wanted
from services.dispatcher.queries.due_times import DueTimesView, due_times
from shared.audience import canonical, mistakes
from shared.contracts.catalog import GatewayKey, MessageClass
from shared.contracts.schedule import Schedule
from shared.contracts.timing import QuietHours, TimePolicy
from shared.database import autocommit
from shared.errors import FieldError, Invalid
from shared.event import Instant
from shared.http import (
    BadCursor,
    Body,
    BusinessClock,
    Cursor,
    DatabasePool,
    Limit,
    WrittenInstant,
    answers,
    page,
    position,
    strict_router,
)
from shared.http.filters import FilterBody, filter_from, phones_in
from shared.http.timing import QuietHoursBody, TimePolicyBody
from shared.schedule import occurrence_of
from shared.timing import local_time_of, mistakes_in_policy

router = strict_router("/v1/audience-previews", "audiences")

FIRST = UUID(int=0)
NOMINAL = "Of a recurring mailing: the occurrence."


def _usual(request: Request) -> PlatformTimes:
    return cast("PlatformTimes", getattr(request.app.state, "platform_times", USUAL))


UsualTimes: TypeAlias = Annotated[PlatformTimes, Depends(_usual)]


class AudienceInvalid(Invalid):
    """An audience cannot be like this."""


class PreviewedTimes(Body):
    """The times of a mailing: the window of a run, and by whose clock its messages are due."""

    starts_at: WrittenInstant | None = Field(
        None, description="None: now.", examples=["2026-03-01T00:00:00Z"]
    )
    ends_at: WrittenInstant = Field(examples=["2026-03-03T00:00:00Z"])
    nominal: str | None = Field(
        None, max_length=150, description=NOMINAL, examples=["2026-03-01T09:00[Europe/Moscow]"]
    )
    message_class: MessageClass = MessageClass.MARKETING
    time_policy: TimePolicyBody | None = Field(None, examples=[None])
    quiet_hours: QuietHoursBody | None = Field(None, examples=[None])


@dataclass(frozen=True, slots=True)
class Timed:
    """A run, as far as its times go."""

    starts_at: Instant
    time_policy: TimePolicy | None
    schedule: Schedule | None = None


class PreviewedAudience(Body):
    """The body of POST /v1/audience-previews: a filter, and the gateway that would be used."""

    filter: FilterBody = FilterBody()
    gateway: GatewayKey = Field("http", examples=["http"], max_length=100)
    topic: str | None = Field(
        None,
        max_length=63,
        description="Of the mailing, which clients can refuse.",
        examples=[None],
    )
    times: PreviewedTimes | None = Field(None, description="None: when is not asked.")


class AudiencePreview(AudienceView):
    """Whom a mailing would go to now."""

    unknown_phones: list[str] = Field(
        description="Where the filter has phones that are no client's: JSON pointers.",
        examples=[[]],
    )
    clients: list[PreviewedClient] = Field(description="A page of those that are selected.")
    next_cursor: str | None
    due: DueTimesView | None = Field(description="When; none: that was not asked.")


@router.post("", operation_id="preview_audience", responses=answers(AudienceInvalid, BadCursor))
async def preview_audience(
    body: PreviewedAudience,
    usual: UsualTimes,
    pool: DatabasePool,
    clock: BusinessClock,
    cursor: Cursor,
    limit: Limit = 50,
) -> AudiencePreview:
    """Count whom a filter selects now and who would get nothing, and show a page of them.

    It is the condition by which runs are written down. A run has who was there when it began.
    """
    after = position(cursor, UUID, FIRST)
    phones = phones_in(body.filter, "/filter")
    async with autocommit(pool) as db:
        known = await queries.ids_by_phone(db, set(phones.values()))
        found = await queries.contact_of(db, body.gateway)
        wanted = filter_from(body.filter, known)
        wrong = [*mistakes(wanted, "/filter"), *_mistakes_in(body.times)]
        if found is None:
            wrong.append(FieldError("/gateway", "unknown_gateway", "there is none of this name"))
        if found is None or wrong:
            raise AudienceInvalid(*wrong)
        chosen = Wanted(canonical(wanted), found[0], body.topic)
        counts = await queries.count(db, chosen)
        clients = await queries.page(db, chosen, after, limit + 1)
        due = None
        if body.times is not None:
            due = await due_times(db, chosen, _timing(body.times, await clock(), usual))
    shown = page(clients, limit, lambda each: str(each.client_id))
    return AudiencePreview(
        **counts.model_dump(),
        unknown_phones=[where for where, phone in phones.items() if phone not in known],
        clients=shown.items,
        next_cursor=shown.next_cursor,
        due=due,
    )


def _mistakes_in(times: PreviewedTimes | None) -> Iterator[FieldError]:
    if times is None:
        return
    yield from mistakes_in_policy(
        _policy(times), "/times/time_policy", recurs=times.nominal is not None
    )
    if times.nominal is not None:
        try:
            occurrence_of(times.nominal)
        except ValueError as error:
            yield FieldError("/times/nominal", "nominal", str(error))


def _policy(times: PreviewedTimes) -> TimePolicy | None:
    policy = times.time_policy
    return None if policy is None else msgspec.convert(policy.model_dump(), TimePolicy)


def _timing(times: PreviewedTimes, now: Instant, usual: PlatformTimes) -> Timing:
    """Return when messages of such a run would be due."""
    starts_at, policy = times.starts_at or now, _policy(times)
    local = local_of(local_time_of(Timed(starts_at, policy), times.nominal), starts_at, usual.zone)
    hours = usual.quiet_hours
    if times.quiet_hours is not None:
        hours = msgspec.convert(times.quiet_hours.model_dump(), QuietHours)
    if times.message_class is MessageClass.CRITICAL:
        hours = None
    return Timing(starts_at, times.ends_at, local, policy, quiet_of(hours, local.zone))
