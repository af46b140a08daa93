"""Previews of schedules over HTTP: when a mailing would run, before anything is saved."""

from itertools import islice

import msgspec
from pydantic import Field

from services.scheduler.domain.calendar import INSTANT, Calendar
from shared.contracts.schedule import Schedule
from shared.contracts.timing import TimePolicy
from shared.errors import Invalid
from shared.event import Instant
from shared.http import Body, BusinessClock, View, WrittenInstant, answers, strict_router
from shared.http.schedules import ScheduleBody, schedule_from
from shared.http.timing import TimePolicyBody
from shared.overlapping import DETAIL, Recurring, overlaps
from shared.schedule import Occurrence, Remark, canonical, in_words, mistakes, tzdata_version
from shared.timing import mistakes_in_policy

router = strict_router("/v1/schedule-previews", "schedules")

MOST = 200


class ScheduleInvalid(Invalid):
    """A schedule cannot be like this."""


class PreviewedSchedule(Body):
    """The body of POST /v1/schedule-previews: a schedule and the window of its mailing."""

    schedule: ScheduleBody
    starts_at: WrittenInstant | None = Field(
        None, description="None: now.", examples=["2026-03-01T00:00:00Z"]
    )
    ends_at: WrittenInstant = Field(examples=["2027-03-01T00:00:00Z"])
    time_policy: TimePolicyBody | None = Field(
        None, description="The mailing's, by which its runs take their time.", examples=[None]
    )
    limit: int = Field(20, ge=1, le=MOST, description="How many occurrences at most.")


class OccurrenceView(View):
    """One occurrence: a local time, its instant, and the window of its run."""

    nominal: str = Field(
        description="Its name: the local time in the entry's zone.",
        examples=["2026-03-29T02:30[Europe/Berlin]"],
    )
    at: Instant
    ends_at: Instant = Field(description="The end of its run's window.")
    remark: Remark | None = Field(
        description="gap: there is no such local time, it comes at the first moment after; "
        "fold: there are two, it comes at the first."
    )


class WordsView(View):
    """The entries in words, one sentence each."""

    en: list[str]
    ru: list[str]


class ScheduleRemarkView(View):
    """What a schedule leads to."""

    code: str = Field(examples=["overlap"])
    detail: str = Field(examples=[DETAIL])


class SchedulePreview(View):
    """When a mailing would run."""

    words: WordsView
    occurrences: list[OccurrenceView]
    remarks: list[ScheduleRemarkView] = Field(
        description="overlap: occurrences may be declined, for the run before them is going on."
    )
    is_whole: bool = Field(description="Whether these are all that there are.")
    tzdata: str = Field(description="The release of the time zones.", examples=["2026.6"])


@router.post("", operation_id="preview_schedule", responses=answers(ScheduleInvalid))
async def preview_schedule(body: PreviewedSchedule, clock: BusinessClock) -> SchedulePreview:
    """Show the next occurrences of a schedule, with what changes of clocks do to them."""
    schedule = schedule_from(body.schedule)
    policy = None
    if body.time_policy is not None:
        policy = msgspec.convert(body.time_policy.model_dump(mode="json"), TimePolicy)
    of_policy = mistakes_in_policy(policy, "/time_policy", recurs=True)
    if wrong := [*mistakes(schedule, "/schedule"), *of_policy]:
        raise ScheduleInvalid(*wrong)
    schedule, now = canonical(schedule), await clock()
    starts_at = body.starts_at or now
    calendar = Calendar(schedule=schedule, starts_at=starts_at, ends_at=body.ends_at)
    following = calendar.following(max(now, starts_at) - INSTANT)
    found = list(islice(following, body.limit + 1))
    recurring = Recurring(
        schedule=schedule, starts_at=starts_at, ends_at=body.ends_at, time_policy=policy
    )
    is_declined = overlaps(recurring, now)
    return SchedulePreview(
        words=_words(schedule),
        occurrences=[_view(each, calendar) for each in found[: body.limit]],
        remarks=[ScheduleRemarkView(code="overlap", detail=DETAIL)] if is_declined else [],
        is_whole=len(found) <= body.limit,
        tzdata=tzdata_version(),
    )


def _words(schedule: Schedule) -> WordsView:
    return WordsView(
        en=[in_words(each) for each in schedule.entries],
        ru=[in_words(each, "ru") for each in schedule.entries],
    )


def _view(occurrence: Occurrence, calendar: Calendar) -> OccurrenceView:
    return OccurrenceView(
        nominal=occurrence.nominal,
        at=occurrence.at,
        ends_at=calendar.end_of_run(occurrence),
        remark=occurrence.remark,
    )
