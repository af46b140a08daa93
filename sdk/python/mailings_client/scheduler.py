"""The API of scheduler, made by `python -m deploy.sdk` out of its OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from mailings_client.calling import AsyncClient, Call, Client, Content, Version, etag, path_of


AlreadyPassed: TypeAlias = Literal["send_now", "skip", "next_day_if_inside_window"]

Clock: TypeAlias = Literal["recipient_local", "preferred_times"]

Missed: TypeAlias = Literal["run_latest", "run_all", "skip"]

Missing: TypeAlias = Literal["last_day", "skip"]

NoZone: TypeAlias = Literal["mailing_zone", "skip"]

Otherwise: TypeAlias = Literal["mailing_zone", "recipient_local"]

Overlap: TypeAlias = Literal["skip", "queue", "allow"]

Weekday: TypeAlias = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]


class AboutView(msgspec.Struct, frozen=True, kw_only=True):
    """A service: its release, and what the process that answers is set to."""

    service: str
    version: str
    """Of the release, as its image says."""
    tzdata: str
    """Release of the time zones that local times are computed with."""
    started_at: datetime
    time: datetime
    """What the clock of its machine says."""
    features: list[str]
    """What is switched on."""
    limits: dict[str, int]
    """What is taken at most."""
    settings: dict[str, str | None]
    """All settings, as they are in force; of a secret only that it is (set)."""


class CronBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cron"):
    """In each local minute that matches an expression."""

    expression: str
    """Minute, hour, day of month, month, day of week."""
    zone: str
    """Of IANA."""


class DailyBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="daily"):
    """Every day."""

    at: str
    """Local time."""
    zone: str
    """Of IANA."""


class DayOfMonthBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="day"):
    """The day with this number."""

    day: int


class DeadLetterPage(msgspec.Struct, frozen=True, kw_only=True):
    """DeadLetterPage."""

    items: list[DeadLetterView]
    next_cursor: str | None


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be applied: where it stands in Kafka, never what it says."""

    consumer: str
    topic: str
    partition: int
    offset: int
    key: UUID | None
    """Of its mailing, whose later records wait behind it."""
    recorded_at: datetime
    """When it was set aside."""
    reason: str
    is_held: bool
    """It only waits for an earlier one of its key."""
    is_requested: bool
    """It is tried again soon."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided."""

    count: int
    """How many are tried again soon, or were given up."""


class EventDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a decision about events that were not published: which are meant, and why."""

    reason: str
    """Why; it is in the service's log."""
    by: str | None | UnsetType = UNSET
    """Who decides, as they name themselves."""
    key: str | None | UnsetType = UNSET
    """Only of this key, as of a mailing."""


class LastDayBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="last_day"):
    """The last day, whatever its number."""


class LetterDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a decision about dead letters: which are meant, and why."""

    reason: str
    """Why; it is in the service's log."""
    by: str | None | UnsetType = UNSET
    """Who decides, as they name themselves."""
    consumer: str | None | UnsetType = UNSET
    """Only of this one."""
    key: UUID | None | UnsetType = UNSET
    """Only of this mailing."""


class MonthlyBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="monthly"):
    """Every month, on one day."""

    on: DayOfMonthBody | LastDayBody | NthWeekdayBody
    at: str
    """Local time."""
    zone: str
    """Of IANA."""
    missing: Missing | UnsetType = UNSET
    """In months without the day."""


class NthWeekdayBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="weekday"):
    """The first to fifth, or the last, of such weekdays."""

    weekday: Weekday
    nth: int | Literal["last"]


class OccurrenceView(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence: a local time, its instant, and the window of its run."""

    nominal: str
    """Its name: the local time in the entry's zone."""
    at: datetime
    ends_at: datetime
    """The end of its run's window."""
    remark: str | None
    """gap: there is no such local time, it comes at the first moment after; fold: there are two, it comes at the first."""


class OnceBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="once"):
    """One local time."""

    at: str
    zone: str
    """Of IANA."""


class OutboxView(msgspec.Struct, frozen=True, kw_only=True):
    """What waits to be published."""

    transactions: int
    """Those that wait, counted up to 100,000."""
    oldest_at: datetime | None
    """Of the oldest; none: nothing waits."""
    age_s: float | None
    """How long that waits, in seconds."""
    refused: int
    """Events that Kafka refused, and were set aside."""
    held: int
    """Events that wait behind those."""


class PreviewedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/schedule-previews: a schedule and the window of its mailing."""

    schedule: ScheduleBody
    starts_at: datetime | None | UnsetType = UNSET
    """None: now."""
    ends_at: datetime
    time_policy: TimePolicyBody | None | UnsetType = UNSET
    """The mailing's, by which its runs take their time."""
    limit: int | UnsetType = UNSET
    """How many occurrences at most."""


class RecurrenceView(msgspec.Struct, frozen=True, kw_only=True):
    """When a mailing recurs, of any release, also one that knows more than this."""

    entries: list[dict[str, Any]]
    """As they are sent."""
    count: int | None = None
    except_dates: list[str] | None = None
    window_s: int | None = None
    missed: str | None = None
    missed_max: int | None = None
    catch_up_s: int | None = None
    overlap: str | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """RunPage."""

    items: list[RunView]
    next_cursor: str | None


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run: an occurrence that was fired, or missed."""

    run_id: UUID
    mailing_id: UUID
    nominal: str
    starts_at: datetime | None
    ends_at: datetime | None
    fired_at: datetime | None
    missed_at: datetime | None
    missed_reason: str | None
    late_s: float | None
    """Seconds from its start to its firing."""


class ScheduleBody(msgspec.Struct, frozen=True, kw_only=True):
    """When a mailing recurs between its start and its end; each occurrence is a run of its own."""

    entries: list[OnceBody | DailyBody | WeeklyBody | MonthlyBody | CronBody]
    count: int | None | UnsetType = UNSET
    """At most so many occurrences, from the start on."""
    except_dates: list[str] | UnsetType = UNSET
    """Local dates without occurrence."""
    window_s: int | UnsetType = UNSET
    """Of a run, in seconds from its occurrence on; never past ends_at."""
    missed: Missed | UnsetType = UNSET
    """Of what came due while nothing fired it."""
    missed_max: int | UnsetType = UNSET
    """How many run_all runs, the latest."""
    catch_up_s: int | None | UnsetType = UNSET
    """Later than that, in seconds, none runs."""
    overlap: Overlap | UnsetType = UNSET
    """While a run before is going on."""


class SchedulePage(msgspec.Struct, frozen=True, kw_only=True):
    """SchedulePage."""

    items: list[ScheduleView]
    next_cursor: str | None


class SchedulePreview(msgspec.Struct, frozen=True, kw_only=True):
    """When a mailing would run."""

    words: WordsView
    occurrences: list[OccurrenceView]
    remarks: list[ScheduleRemarkView]
    """overlap: occurrences may be declined, for the run before them is going on."""
    is_whole: bool
    """Whether these are all that there are."""
    tzdata: str
    """The release of the time zones."""


class ScheduleRemarkView(msgspec.Struct, frozen=True, kw_only=True):
    """What a schedule leads to."""

    code: str
    detail: str


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """When a mailing is due, or what became of it."""

    mailing_id: UUID
    revision: int
    starts_at: datetime
    ends_at: datetime
    schedule: RecurrenceView | None
    """When it recurs; none: it runs once."""
    next_nominal: str | None
    """Names what is due next, if it recurs."""
    next_fire_at: datetime | None
    fired_at: datetime | None
    missed_reason: str | None
    """Of the last occurrence."""
    tzdata: str | None
    """The release of the time zones that next_fire_at is by."""


class TimePolicyBody(msgspec.Struct, frozen=True, kw_only=True):
    """When each client gets its message."""

    kind: Clock
    """recipient_local: at the local time on each client's own clock; preferred_times: at the
next time that the client prefers."""
    zone: str | None | UnsetType = UNSET
    """The mailing's; none: that of its schedule."""
    at: str | None | UnsetType = UNSET
    """The local time: of a mailing that runs once with its date, or the time of day alone, which
is then the first that no clock on earth has shown when a run begins. None: that of the
occurrence, or of the run's start."""
    already_passed: AlreadyPassed | UnsetType = UNSET
    """Of a client where the local time was over before the run began."""
    no_zone: NoZone | UnsetType = UNSET
    """Of a client of whom no zone is known."""
    otherwise: Otherwise | UnsetType = UNSET
    """Of preferred times: when those get it who prefer none inside the window."""


class UnpublishedPage(msgspec.Struct, frozen=True, kw_only=True):
    """UnpublishedPage."""

    items: list[UnpublishedView]
    next_cursor: str | None


class UnpublishedView(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was set aside, never what it says."""

    recorded_at: datetime
    topic: str | None
    """None: its row cannot be read."""
    key: str | None
    reason: str
    is_held: bool
    """It only waits for an earlier one of its key."""
    is_requested: bool
    """It is tried again soon."""


class WeeklyBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="weekly"):
    """Every week, on some days."""

    days: list[Weekday]
    at: str
    """Local time."""
    zone: str
    """Of IANA."""


class WordsView(msgspec.Struct, frozen=True, kw_only=True):
    """The entries in words, one sentence each."""

    en: list[str]
    ru: list[str]


class Scheduler(Client):
    """The service scheduler, called and waited for."""

    def get_about(
        self,
    ) -> AboutView:
        """Show the release, the settings in force and the clock; this depends on nothing else."""
        return self._call(Call(method="GET", path=path_of("/v1/about")), AboutView)

    def get_outbox(
        self,
    ) -> OutboxView:
        """Show what waits to be published, and for how long."""
        return self._call(Call(method="GET", path=path_of("/v1/outbox")), OutboxView)

    def list_unpublished(
        self, *, limit: int | None = None, key: str | None = None, cursor: str | None = None
    ) -> UnpublishedPage:
        """Show a page of events that Kafka refused and those behind them, in order of publishing."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/outbox/unpublished"),
                query={"limit": limit, "key": key, "cursor": cursor},
            ),
            UnpublishedPage,
        )

    def replay_unpublished(self, body: EventDecision) -> Decided:
        """Publish again what Kafka refused, soon and in order; what is refused again stays."""
        return self._call(
            Call(method="POST", path=path_of("/v1/outbox/unpublished/replay"), body=body), Decided
        )

    def discard_unpublished(self, body: EventDecision) -> Decided:
        """Give up what Kafka refused, for good; what waits behind it is published then."""
        return self._call(
            Call(method="POST", path=path_of("/v1/outbox/unpublished/discard"), body=body), Decided
        )

    def list_dead_letters(
        self,
        *,
        limit: int | None = None,
        consumer: str | None = None,
        key: UUID | None = None,
        cursor: str | None = None,
    ) -> DeadLetterPage:
        """Show a page of records that could not be applied, and those behind them."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/dead-letters"),
                query={"limit": limit, "consumer": consumer, "key": key, "cursor": cursor},
            ),
            DeadLetterPage,
        )

    def replay_dead_letters(self, body: LetterDecision) -> Decided:
        """Apply dead letters again, soon and in order; what cannot be applied stays."""
        return self._call(
            Call(method="POST", path=path_of("/v1/dead-letters/replay"), body=body), Decided
        )

    def discard_dead_letters(self, body: LetterDecision) -> Decided:
        """Give up dead letters, for good; what waits behind them is applied then."""
        return self._call(
            Call(method="POST", path=path_of("/v1/dead-letters/discard"), body=body), Decided
        )

    def list_schedules(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> SchedulePage:
        """Show a page of schedules."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/schedules"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            SchedulePage,
        )

    def get_schedule(self, mailing_id: UUID) -> ScheduleView:
        """Show when a mailing is due, or what became of it."""
        return self._call(
            Call(method="GET", path=path_of("/v1/schedules/{mailing_id}", mailing_id=mailing_id)),
            ScheduleView,
        )

    def preview_schedule(self, body: PreviewedSchedule) -> SchedulePreview:
        """Show the next occurrences of a schedule, with what changes of clocks do to them."""
        return self._call(
            Call(method="POST", path=path_of("/v1/schedule-previews"), body=body), SchedulePreview
        )

    def list_runs(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """Show a page of runs, fired and missed."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            RunPage,
        )

    def get_run(self, run_id: UUID) -> RunView:
        """Show one run."""
        return self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )


class AsyncScheduler(AsyncClient):
    """The service scheduler, awaited."""

    async def get_about(
        self,
    ) -> AboutView:
        """Show the release, the settings in force and the clock; this depends on nothing else."""
        return await self._call(Call(method="GET", path=path_of("/v1/about")), AboutView)

    async def get_outbox(
        self,
    ) -> OutboxView:
        """Show what waits to be published, and for how long."""
        return await self._call(Call(method="GET", path=path_of("/v1/outbox")), OutboxView)

    async def list_unpublished(
        self, *, limit: int | None = None, key: str | None = None, cursor: str | None = None
    ) -> UnpublishedPage:
        """Show a page of events that Kafka refused and those behind them, in order of publishing."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/outbox/unpublished"),
                query={"limit": limit, "key": key, "cursor": cursor},
            ),
            UnpublishedPage,
        )

    async def replay_unpublished(self, body: EventDecision) -> Decided:
        """Publish again what Kafka refused, soon and in order; what is refused again stays."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/outbox/unpublished/replay"), body=body), Decided
        )

    async def discard_unpublished(self, body: EventDecision) -> Decided:
        """Give up what Kafka refused, for good; what waits behind it is published then."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/outbox/unpublished/discard"), body=body), Decided
        )

    async def list_dead_letters(
        self,
        *,
        limit: int | None = None,
        consumer: str | None = None,
        key: UUID | None = None,
        cursor: str | None = None,
    ) -> DeadLetterPage:
        """Show a page of records that could not be applied, and those behind them."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/dead-letters"),
                query={"limit": limit, "consumer": consumer, "key": key, "cursor": cursor},
            ),
            DeadLetterPage,
        )

    async def replay_dead_letters(self, body: LetterDecision) -> Decided:
        """Apply dead letters again, soon and in order; what cannot be applied stays."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/dead-letters/replay"), body=body), Decided
        )

    async def discard_dead_letters(self, body: LetterDecision) -> Decided:
        """Give up dead letters, for good; what waits behind them is applied then."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/dead-letters/discard"), body=body), Decided
        )

    async def list_schedules(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> SchedulePage:
        """Show a page of schedules."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/schedules"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            SchedulePage,
        )

    async def get_schedule(self, mailing_id: UUID) -> ScheduleView:
        """Show when a mailing is due, or what became of it."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/schedules/{mailing_id}", mailing_id=mailing_id)),
            ScheduleView,
        )

    async def preview_schedule(self, body: PreviewedSchedule) -> SchedulePreview:
        """Show the next occurrences of a schedule, with what changes of clocks do to them."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/schedule-previews"), body=body), SchedulePreview
        )

    async def list_runs(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """Show a page of runs, fired and missed."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            RunPage,
        )

    async def get_run(self, run_id: UUID) -> RunView:
        """Show one run."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )
