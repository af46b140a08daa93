"""The API of stats, made by `python -m deploy.sdk` out of its OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from mailings_client.calling import AsyncClient, Call, Client, Content, Version, etag, path_of


State: TypeAlias = Literal[
    "planned", "retry", "delivered", "failed", "expired", "cancelled", "undetermined", "suppressed"
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


class ByStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by status; they add up to those that are planned."""

    planned: int | None = None
    retry: int | None = None
    delivered: int | None = None
    failed: int | None = None
    expired: int | None = None
    cancelled: int | None = None
    undetermined: int | None = None
    suppressed: int | None = None


class CountsOverTime(msgspec.Struct, frozen=True, kw_only=True):
    """Messages by status, one number for each instant; all lists are equally long."""

    retry: list[int]
    delivered: list[int]
    failed: list[int]
    expired: list[int]
    cancelled: list[int]
    undetermined: list[int]
    suppressed: list[int]


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


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some runs: messages, attempts, messages by status."""

    planned: int
    attempts: int
    by_status: ByStatus


class LedgerView(msgspec.Struct, frozen=True, kw_only=True):
    """The dispatcher's totals of a finished run, compared with the figures shown here."""

    correction: int
    by_status: ByStatus
    agrees: bool | None
    differences: dict[str, int]
    was_mended: bool
    is_cut: bool


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


class LiveMailing(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing as everybody may see it."""

    mailing_id: UUID
    name: str | None
    """None: it is not shown, or not known."""
    status: str
    created_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    is_recurring: bool
    """It runs again and again, by its schedule."""
    next_at: datetime | None
    """When it runs next. None: it does not recur, is over, or it is not known."""
    run: LiveRun
    planned: int
    attempts: int
    by_status: ByStatus
    recipients: Recipients | None
    """The same by client. None: nothing was sent again, each message is a client."""
    rate_per_s: float | None
    """Messages that become final; None: not known yet, nobody was watching."""
    done_at: datetime | None
    """When all are done at this rate."""
    will_expire: int | None
    """How many won't be done in time at this rate."""


class LiveMailingRuns(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing with its newest runs."""

    mailing_id: UUID
    name: str | None
    """None: it is not shown, or not known."""
    status: str
    created_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    is_recurring: bool
    """It runs again and again, by its schedule."""
    next_at: datetime | None
    """When it runs next. None: it does not recur, is over, or it is not known."""
    run: LiveRun
    planned: int
    attempts: int
    by_status: ByStatus
    recipients: Recipients | None
    """The same by client. None: nothing was sent again, each message is a client."""
    rate_per_s: float | None
    """Messages that become final; None: not known yet, nobody was watching."""
    done_at: datetime | None
    """When all are done at this rate."""
    will_expire: int | None
    """How many won't be done in time at this rate."""
    runs: list[PublicRun]


class LivePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the mailings, the newest first."""

    items: list[LiveMailing]
    next_cursor: str | None
    as_of: datetime | None
    lag_s: float | None


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run of a mailing that began last."""

    number: int
    """How many runs there were, with this one."""
    nominal: str | None
    """Names the occurrence: once, or a local time."""


class MailingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the mailings, and how old their figures are."""

    as_of: datetime | None
    lag_s: float | None
    items: list[MailingStats]
    next_cursor: str | None


class MailingStats(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a mailing."""

    planned: int
    attempts: int
    by_status: ByStatus
    mailing_id: UUID
    runs: int
    recipients: Recipients
    last_run_at: datetime | None


class MailingView(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a mailing and of each of its runs."""

    planned: int
    attempts: int
    by_status: ByStatus
    as_of: datetime | None
    lag_s: float | None
    mailing_id: UUID
    recipients: Recipients
    runs: list[RunStats]


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the messages. Only the last page has no `next_cursor`; any may be short."""

    as_of: datetime | None
    lag_s: float | None
    items: list[MessageView]
    next_cursor: str | None


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the log has it; one that is planned has not changed yet."""

    message_id: str
    run_id: UUID
    client_id: UUID
    status: str
    attempts: int
    changed_at: datetime | None


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


class PublicRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as everybody may see it."""

    run_id: UUID
    nominal: str | None
    began_at: datetime | None
    missed_at: datetime | None
    missed_reason: str | None
    finished_at: datetime | None
    planned: int
    attempts: int
    by_status: ByStatus


class Recipients(msgspec.Struct, frozen=True, kw_only=True):
    """Clients by status: of a client to whom a run was resent only the best message counts.

    Delivered is the best, and what may have arrived comes next. Of runs that are no resends of
    each other a client counts in each."""

    clients: int
    by_status: ByStatus


class ReconcileView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the figures of runs are what their messages add up to."""

    as_of: datetime | None
    lag_s: float | None
    reconciles: bool
    runs: list[RunProof]


class RunProof(msgspec.Struct, frozen=True, kw_only=True):
    """A run's figures, from the counters and from the rows.

    An archived run has no rows: its figures are compared with those for good of its archiving."""

    run_id: UUID
    archived_at: datetime | None
    planned: int
    sum_of_statuses: int
    counted_by_status: ByStatus
    rows_by_status: ByStatus
    attempts: int
    counted_attempts: int
    ledger_by_status: ByStatus | None
    agrees_with_ledger: bool | None
    reconciles: bool


class RunStats(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run."""

    planned: int
    attempts: int
    by_status: ByStatus
    run_id: UUID
    mailing_id: UUID | None
    is_expanded: bool
    is_finished: bool
    scheduled_at: datetime | None
    missed_at: datetime | None
    missed_reason: str | None
    """None also: it was in an older release."""
    nominal: str | None
    """Names the occurrence: once, or a local time and its zone."""
    finished_at: datetime | None
    archived_at: datetime | None
    ledger: LedgerView | None
    resend_of: UUID | None
    resent_as: list[UUID]
    union: Union | None


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run, and how old they are."""

    planned: int
    attempts: int
    by_status: ByStatus
    run_id: UUID
    mailing_id: UUID | None
    is_expanded: bool
    is_finished: bool
    scheduled_at: datetime | None
    missed_at: datetime | None
    missed_reason: str | None
    """None also: it was in an older release."""
    nominal: str | None
    """Names the occurrence: once, or a local time and its zone."""
    finished_at: datetime | None
    archived_at: datetime | None
    ledger: LedgerView | None
    resend_of: UUID | None
    resent_as: list[UUID]
    union: Union | None
    as_of: datetime | None
    lag_s: float | None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The series of a run: how many messages have reached the status that they are in, and when.

    Each message is in one point, so points add up to the run's figures."""

    mailing_id: UUID
    run_id: UUID | None
    """None: no run has begun."""
    nominal: str | None
    step_s: int
    """Seconds of a point: as asked, or more where it took long."""
    at: list[datetime]
    """When points begin; those without messages are left out."""
    by_status: CountsOverTime
    is_complete: bool
    """False: an older release has counted some of it, which are added by and by."""


class TotalsView(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of everything."""

    planned: int
    attempts: int
    by_status: ByStatus
    as_of: datetime | None
    lag_s: float | None
    mailings: int
    runs: int
    recipients: Recipients


class Union(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its resends, and the resends of these."""

    first_run_id: UUID
    runs: int
    messages: Figures
    """The sums of all these runs."""
    recipients: Recipients


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


class Stats(Client):
    """The service stats, called and waited for."""

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

    def get_totals(
        self,
    ) -> TotalsView:
        """Show the figures of everything."""
        return self._call(Call(method="GET", path=path_of("/v1/totals")), TotalsView)

    def list_mailings(
        self, *, limit: int | None = None, ids: list[UUID] | None = None, cursor: str | None = None
    ) -> MailingPage:
        """Show a page of mailings that have begun, with their figures, the newest first."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings"),
                query={"limit": limit, "ids": ids, "cursor": cursor},
            ),
            MailingPage,
        )

    def get_mailing(self, mailing_id: UUID) -> MailingView:
        """Show the figures of a mailing that has begun, and of its runs."""
        return self._call(
            Call(method="GET", path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id)),
            MailingView,
        )

    def get_run(self, run_id: UUID) -> RunView:
        """Show the figures of a run."""
        return self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )

    def list_messages(
        self,
        *,
        run_id: UUID | None = None,
        mailing_id: UUID | None = None,
        status: State | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MessagePage:
        """Show a page of the messages behind a figure, by run.

        A page takes bounded time, so it may be shorter than `limit`, even empty, and others follow.
        Messages of archived runs are deleted: asked for those of one, the answer is 410 and says since
        when; all other lists leave them out."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/messages"),
                query={
                    "run_id": run_id,
                    "mailing_id": mailing_id,
                    "status": status,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            MessagePage,
        )

    def reconcile(
        self, *, run_id: UUID | None = None, mailing_id: UUID | None = None
    ) -> ReconcileView:
        """Prove the figures: count every message, and compare."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/reconcile"),
                query={"run_id": run_id, "mailing_id": mailing_id},
            ),
            ReconcileView,
        )

    def list_public_mailings(
        self,
        *,
        q: str | None = None,
        status: Literal["planned", "running", "paused", "stopped", "finished", "missed"]
        | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> LivePage:
        """Show a page of mailings with their figures, the newest first; a second old at most."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings"),
                query={"q": q, "status": status, "limit": limit, "cursor": cursor},
            ),
            LivePage,
        )

    def get_public_mailing(self, mailing_id: UUID) -> LiveMailingRuns:
        """Show a mailing with its newest runs."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings/{mailing_id}", mailing_id=mailing_id),
            ),
            LiveMailingRuns,
        )

    def get_public_series(
        self,
        mailing_id: UUID,
        *,
        run_id: UUID | None = None,
        step: Literal["1s", "10s", "60s"] | None = None,
    ) -> Series:
        """Show the series of a run over time, in at most 1,200 steps where days are enough."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings/{mailing_id}/series", mailing_id=mailing_id),
                query={"run_id": run_id, "step": step},
            ),
            Series,
        )

    def watch_public_mailings(
        self, *, last_event_id: str | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Stream figures as they change, as server-sent events, twice a second at most.

        `snapshot` has the mailings that are not over and those that just were, `delta` those that have
        changed, each as a whole, and `beat` says that nothing has. Each names how old figures are.
        Snapshots and deltas have totals, where runs of paused mailings count apart."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/public/v1/live"),
                headers={"last-event-id": last_event_id},
            )
        )


class AsyncStats(AsyncClient):
    """The service stats, awaited."""

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

    async def get_totals(
        self,
    ) -> TotalsView:
        """Show the figures of everything."""
        return await self._call(Call(method="GET", path=path_of("/v1/totals")), TotalsView)

    async def list_mailings(
        self, *, limit: int | None = None, ids: list[UUID] | None = None, cursor: str | None = None
    ) -> MailingPage:
        """Show a page of mailings that have begun, with their figures, the newest first."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings"),
                query={"limit": limit, "ids": ids, "cursor": cursor},
            ),
            MailingPage,
        )

    async def get_mailing(self, mailing_id: UUID) -> MailingView:
        """Show the figures of a mailing that has begun, and of its runs."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id)),
            MailingView,
        )

    async def get_run(self, run_id: UUID) -> RunView:
        """Show the figures of a run."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )

    async def list_messages(
        self,
        *,
        run_id: UUID | None = None,
        mailing_id: UUID | None = None,
        status: State | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MessagePage:
        """Show a page of the messages behind a figure, by run.

        A page takes bounded time, so it may be shorter than `limit`, even empty, and others follow.
        Messages of archived runs are deleted: asked for those of one, the answer is 410 and says since
        when; all other lists leave them out."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/messages"),
                query={
                    "run_id": run_id,
                    "mailing_id": mailing_id,
                    "status": status,
                    "limit": limit,
                    "cursor": cursor,
                },
            ),
            MessagePage,
        )

    async def reconcile(
        self, *, run_id: UUID | None = None, mailing_id: UUID | None = None
    ) -> ReconcileView:
        """Prove the figures: count every message, and compare."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/reconcile"),
                query={"run_id": run_id, "mailing_id": mailing_id},
            ),
            ReconcileView,
        )

    async def list_public_mailings(
        self,
        *,
        q: str | None = None,
        status: Literal["planned", "running", "paused", "stopped", "finished", "missed"]
        | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> LivePage:
        """Show a page of mailings with their figures, the newest first; a second old at most."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings"),
                query={"q": q, "status": status, "limit": limit, "cursor": cursor},
            ),
            LivePage,
        )

    async def get_public_mailing(self, mailing_id: UUID) -> LiveMailingRuns:
        """Show a mailing with its newest runs."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings/{mailing_id}", mailing_id=mailing_id),
            ),
            LiveMailingRuns,
        )

    async def get_public_series(
        self,
        mailing_id: UUID,
        *,
        run_id: UUID | None = None,
        step: Literal["1s", "10s", "60s"] | None = None,
    ) -> Series:
        """Show the series of a run over time, in at most 1,200 steps where days are enough."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/public/v1/mailings/{mailing_id}/series", mailing_id=mailing_id),
                query={"run_id": run_id, "step": step},
            ),
            Series,
        )

    def watch_public_mailings(
        self, *, last_event_id: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream figures as they change, as server-sent events, twice a second at most.

        `snapshot` has the mailings that are not over and those that just were, `delta` those that have
        changed, each as a whole, and `beat` says that nothing has. Each names how old figures are.
        Snapshots and deltas have totals, where runs of paused mailings count apart."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/public/v1/live"),
                headers={"last-event-id": last_event_id},
            )
        )
