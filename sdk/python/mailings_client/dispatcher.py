"""The API of dispatcher, made by `python -m deploy.sdk` out of its OpenAPI document."""

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

ExportFormat: TypeAlias = Literal["ndjson", "csv"]

MessageClass: TypeAlias = Literal["marketing", "transactional", "critical"]

NoZone: TypeAlias = Literal["mailing_zone", "skip"]

Otherwise: TypeAlias = Literal["mailing_zone", "recipient_local"]

State: TypeAlias = Literal[
    "planned", "retry", "delivered", "failed", "expired", "cancelled", "undetermined", "suppressed"
]

Tls: TypeAlias = Literal["starttls", "implicit", "none"]


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


class AnswerRules(msgspec.Struct, frozen=True, kw_only=True):
    """What answers mean, in this order; what none of it speaks of, by its status code."""

    gateway_fault: list[Match] | UnsetType = UNSET
    throttled: list[Match] | UnsetType = UNSET
    refused: list[Match] | UnsetType = UNSET
    not_processed: list[Match] | UnsetType = UNSET
    pending: list[Match] | UnsetType = UNSET
    accepted: Match
    id: str | None | UnsetType = UNSET


class AnswersView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of attempts."""

    accepted: int
    refused: int
    """It will never take these messages."""
    not_processed: int
    """Certainly not taken; the same may work later."""
    unknown: int
    """They may have been taken."""


class ArchiveRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs are to leave now."""

    before: datetime | None | UnsetType = UNSET
    """Runs leave that finished before; else those whose time has come by RUN_RETENTION."""


class ArchivedView(msgspec.Struct, frozen=True, kw_only=True):
    """What has left, and what is due still."""

    archived_runs: int
    archived_messages: int
    due_runs: int
    """Runs that are due still: ask again."""
    due_messages: int


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt: what was tried, and what came of it; or that it begins."""

    attempt: int
    kind: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    status_code: int | None
    reason: str | None
    gateway_message_id: str | None
    answer: str | None
    latency_ms: float | None


class AudiencePreview(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a mailing would go to now."""

    selected: int
    """Clients that the filter selects now."""
    is_whole: bool
    """False: there are more, which are not counted."""
    messages: int
    """Of them, those who would be sent something."""
    left_out: list[LeftOutView]
    """The rest, by reason."""
    unknown_phones: list[str]
    """Where the filter has phones that are no client's: JSON pointers."""
    clients: list[PreviewedClient]
    """A page of those that are selected."""
    next_cursor: str | None
    due: DueTimesView | None
    """When; none: that was not asked."""


class BareContactView(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a test send went to."""

    phone: str | None
    email: str | None
    full_name: str | None


class BareTestSendView(msgspec.Struct, frozen=True, kw_only=True):
    """A test send to a bare contact that is the client's."""

    run_id: UUID
    created_at: datetime
    to: BareContactView
    message: MessageWithAttempts


class ConditionBody(
    msgspec.Struct, frozen=True, kw_only=True, rename={"and_": "and", "or_": "or", "not_": "not"}
):
    """What a client must be: all that is stated."""

    operator_codes: list[str] | None | UnsetType = UNSET
    """Any of them."""
    tags: list[str] | None | UnsetType = UNSET
    """Any of them."""
    all_tags: list[str] | None | UnsetType = UNSET
    no_tags: list[str] | None | UnsetType = UNSET
    """None of them."""
    time_zones: list[str] | None | UnsetType = UNSET
    client_ids: list[UUID] | None | UnsetType = UNSET
    phones: list[str] | None | UnsetType = UNSET
    has_phone: bool | None | UnsetType = UNSET
    has_email: bool | None | UnsetType = UNSET
    and_: list[ConditionBody] | None | UnsetType = UNSET
    """All of them."""
    or_: list[ConditionBody] | None | UnsetType = UNSET
    """Any of them."""
    not_: ConditionBody | None | UnsetType = UNSET


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """A client as messages need it."""

    phone: str | None
    operator_code: str | None
    tags: list[str]
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None
    preferred_times: str | None


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


class DispatcherSubjectDataView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the dispatcher has of a person; of its messages a page."""

    copy: ContactView | None
    """Of the catalog's client; none: it is removed."""
    kept_contacts: list[KeptContactView]
    test_sends: list[BareTestSendView]
    messages: list[MessageWithAttempts]
    """The newest runs' first, with all that was tried; not of archived runs."""
    next_cursor: str | None
    """Where the next page of messages begins."""


class DueTimesView(msgspec.Struct, frozen=True, kw_only=True):
    """When a mailing would go to whom."""

    times: list[DueView]
    """The first, in their order."""
    count: int
    """Of all times at which something is due."""
    is_whole: bool
    """False: clients have more zones and times than that."""
    skipped: list[LeftOutView]
    """Who gets nothing by these rules, by reason."""


class DueView(msgspec.Struct, frozen=True, kw_only=True):
    """How many clients would get it at a time."""

    at: datetime
    clients: int


class EventDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a decision about events that were not published: which are meant, and why."""

    reason: str
    """Why; it is in the service's log."""
    by: str | None | UnsetType = UNSET
    """Who decides, as they name themselves."""
    key: str | None | UnsetType = UNSET
    """Only of this key, as of a mailing."""


class FailureView(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempt that says that a gateway does not work."""

    at: datetime
    reason: str
    status_code: int | None


class FilterBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a mailing is for: any of the codes and any of the tags; empty doesn't restrict."""

    operator_codes: list[str] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    include: ConditionBody | None | UnsetType = UNSET
    """Of the clients with these codes and tags, those that this is true for."""
    exclude: ConditionBody | None | UnsetType = UNSET
    """Clients that this is true for are left out."""
    one_per_contact: bool | UnsetType = UNSET
    """Of several clients with one phone, or one e-mail, as its gateway needs: one."""


class GatewayPage(msgspec.Struct, frozen=True, kw_only=True):
    """GatewayPage."""

    items: list[GatewayView]
    next_cursor: str | None


class GatewayTest(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/gateways/{name}/test: where a message goes, and what it says."""

    phone: str | None | UnsetType = UNSET
    """As people write it, as in +7 (916) 123-45-67; kept as 79161234567."""
    email: str | None | UnsetType = UNSET
    subject: str | None | UnsetType = UNSET
    text: str | UnsetType = UNSET


class GatewayTestView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a message that was sent to test a gateway."""

    outcome: str
    reason: str
    status_code: int | None
    gateway_message_id: str | None
    answer: str
    """The first characters of what the gateway said."""
    duration_s: float


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway as it is described, and as it is used."""

    name: str
    kind: str
    contact: str | None
    description: dict[str, Any]
    is_paused: bool
    problem: str | None
    """What keeps a dispatcher from using it."""
    replicas_with_problem: int
    """So many dispatchers cannot use it."""
    problems: list[ProblemView]
    """Which these are, and what keeps each."""
    version: int
    created_at: datetime
    changed_at: datetime
    breaker: str
    breaker_reason: str | None
    next_probe_at: datetime | None
    waits_until: datetime | None
    together: UsageView
    """How all replicas use it, as they reported in the last seconds."""
    replicas: list[ReplicaView]
    """The same of each of them."""
    idempotent: bool
    """It recognizes what it has taken before."""
    in_flight: int
    """Requests of the process that answers, under way now."""
    free: int
    """How many more it may begin now."""


class HttpDescription(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="http"):
    """An HTTP API that takes one message by one request.

    Without `request` and `answer` it has our own contract."""

    timeout_s: float | UnsetType = UNSET
    connect_timeout_s: float | UnsetType = UNSET
    max_connections: int | UnsetType = UNSET
    rate: float | None | UnsetType = UNSET
    burst: int | None | UnsetType = UNSET
    resends_unknown: bool | UnsetType = UNSET
    url: str
    token: SecretRef | None | UnsetType = UNSET
    user: str | None | UnsetType = UNSET
    password: SecretRef | None | UnsetType = UNSET
    secrets: dict[str, Any] | UnsetType = UNSET
    request: Request | None | UnsetType = UNSET
    answer: AnswerRules | None | UnsetType = UNSET
    lookup: LookUp | None | UnsetType = UNSET
    contact: Literal["phone", "email"] | UnsetType = UNSET
    sender: str | None | UnsetType = UNSET
    allowed_senders: list[str] | UnsetType = UNSET
    numeric_id_bits: int | UnsetType = UNSET
    idempotent: bool | UnsetType = UNSET
    not_taken: list[Literal[500, 503]] | UnsetType = UNSET


class KeptContactView(msgspec.Struct, frozen=True, kw_only=True):
    """A contact that is kept because a message may have arrived there, and is repeated."""

    run_id: UUID
    contact: dict[str, Any]


class LeavingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run that is kept yet."""

    run_id: UUID
    mailing_id: UUID
    messages: int
    finished_at: datetime
    leaves_at: datetime | None
    """None: it is kept for ever."""


class LeftOutView(msgspec.Struct, frozen=True, kw_only=True):
    """Why clients that a filter selects would get nothing, and how many."""

    reason: str
    clients: int


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


class LogDescription(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="log"):
    """A file on each dispatcher's disk: for tests, and for those who read it there."""

    timeout_s: float | UnsetType = UNSET
    connect_timeout_s: float | UnsetType = UNSET
    max_connections: int | UnsetType = UNSET
    rate: float | None | UnsetType = UNSET
    burst: int | None | UnsetType = UNSET
    resends_unknown: bool | UnsetType = UNSET
    path: str
    max_bytes: int | None | UnsetType = UNSET
    keep: int | UnsetType = UNSET


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """How an API is asked whether it has a message: by GET, of the same host.

    So what may have arrived is sent again only if it has not."""

    url: str | None | UnsetType = UNSET
    url_by_own_id: str | None | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    not_found: list[Match]
    refused: list[Match] | UnsetType = UNSET
    pending: list[Match] | UnsetType = UNSET
    found: Match
    id: str | None | UnsetType = UNSET


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of answer: one for which all holds that is said."""

    status: list[int] | UnsetType = UNSET
    pointer: str | None | UnsetType = UNSET
    values: list[bool | int | str | None] | UnsetType = UNSET
    type: (
        Literal["string", "integer", "number", "boolean", "object", "array", "null"]
        | None
        | UnsetType
    ) = UNSET
    absent: str | None | UnsetType = UNSET
    starts_with: str | None | UnsetType = UNSET
    reason: str | None | UnsetType = UNSET
    bounced: bool | UnsetType = UNSET


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """MessagePage."""

    items: list[MessageView]
    next_cursor: str | None


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message: where it is."""

    message_id: str
    run_id: UUID
    mailing_id: UUID
    client_id: UUID
    status: str
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    reason: str | None


class MessageWithAttempts(msgspec.Struct, frozen=True, kw_only=True):
    """A message with all that was tried."""

    message_id: str
    run_id: UUID
    mailing_id: UUID
    client_id: UUID
    status: str
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    reason: str | None
    attempts_log: list[AttemptView]


class Moving(msgspec.Struct, frozen=True, kw_only=True):
    """Who moves a switch, as they name themselves."""

    by: str | None | UnsetType = UNSET
    """A name that is shown beside the switch."""


class NewResolution(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message whose attempts do not say it."""

    outcome: Literal["delivered", "failed"]
    reason: str
    """How that is known; it is shown as the reason of its status."""
    by: str | None | UnsetType = UNSET
    """A name that is published with it."""


class NewTestSend(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/test-sends: what a mailing says, as the catalog has it, and to whom."""

    gateway: str
    body: str
    subject: str | None | UnsetType = UNSET
    html: str | None | UnsetType = UNSET
    sender: str | None | UnsetType = UNSET
    mailing_id: UUID | None | UnsetType = UNSET
    """Of which saved mailing it is a test: it is shown."""
    to: TestRecipient


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


class PreviewedAudience(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/audience-previews: a filter, and the gateway that would be used."""

    filter: FilterBody | UnsetType = UNSET
    gateway: str | UnsetType = UNSET
    topic: str | None | UnsetType = UNSET
    """Of the mailing, which clients can refuse."""
    times: PreviewedTimes | None | UnsetType = UNSET
    """None: when is not asked."""


class PreviewedClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client that a filter selects."""

    client_id: UUID
    contact: str | None
    """What its gateway writes to, masked."""
    operator_code: str | None
    time_zone: str | None
    tags: list[str]
    left_out: str | None
    """Why it would be sent nothing; none: it would be."""


class PreviewedTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The times of a mailing: the window of a run, and by whose clock its messages are due."""

    starts_at: datetime | None | UnsetType = UNSET
    """None: now."""
    ends_at: datetime
    nominal: str | None | UnsetType = UNSET
    """Of a recurring mailing: the occurrence."""
    message_class: MessageClass | UnsetType = UNSET
    time_policy: TimePolicyBody | None | UnsetType = UNSET
    quiet_hours: QuietHoursBody | None | UnsetType = UNSET


class ProblemView(msgspec.Struct, frozen=True, kw_only=True):
    """A dispatcher that cannot use a gateway, and why."""

    replica: str | None
    """Its machine, or container; none: it is of an older release."""
    problem: str


class QuietHoursBody(msgspec.Struct, frozen=True, kw_only=True):
    """Hours on each client's clock at which nothing begins; none if both are equal."""

    begins: str
    """Local time."""
    ends: str
    """Local time."""


class ReasonPage(msgspec.Struct, frozen=True, kw_only=True):
    """ReasonPage."""

    items: list[ReasonView]
    next_cursor: str | None


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of a page that came to the same for the same reason."""

    status: str
    reason: str | None
    """None: there is nothing to give a reason for yet."""
    status_code: int | None
    """Of the last attempt; none: it has none."""
    count: int
    example_message_id: str
    """One of them, to be looked at."""


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """What one process sees of a gateway."""

    in_flight: int
    """Requests under way."""
    free: int
    """How many more may begin."""
    answers: AnswersView
    p50_s: float | None
    """By when half of them were answered, in seconds, about; none: there are none."""
    p95_s: float | None
    """The same of 95 in 100."""
    last_failure: FailureView | None
    """None: none was seen."""
    replica: str
    """Its machine, or container, as that calls itself."""
    replica_id: UUID
    """As long as it runs."""
    started_at: datetime
    reported_at: datetime
    is_stale: bool
    """It reports no more: it was killed, or hangs."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """How one message is asked for; every text is a template."""

    method: Literal["POST", "PUT", "PATCH", "GET"] | UnsetType = UNSET
    headers: dict[str, str] | UnsetType = UNSET
    json: Any | UnsetType = UNSET
    form: dict[str, str] | None | UnsetType = UNSET
    text: str | None | UnsetType = UNSET
    xml: str | None | UnsetType = UNSET


class ResendBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are sent again, and in which window."""

    by: str | None | UnsetType = UNSET
    """A name that is shown beside the switch."""
    statuses: list[Literal["failed", "expired", "undetermined", "cancelled"]]
    reasons: list[str] | UnsetType = UNSET
    """As GET /v1/runs/{run_id}/reasons has them; empty: any; an empty text: none."""
    starts_at: datetime | None | UnsetType = UNSET
    ends_at: datetime | None | UnsetType = UNSET
    """Needed unless it is a dry run."""
    dry_run: bool | UnsetType = UNSET
    """Count only, or refuse as the resend would be; nothing is sent."""


class ResendView(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent again, or would be."""

    resent_from: UUID
    clients: int
    """To whom it goes; who has got it by an earlier resend is left out."""
    unreachable: int
    """How many of these lack the contact that the gateway needs now: they fail."""
    run: RunView | None
    """The run that does it; none: a dry run."""


class RetentionView(msgspec.Struct, frozen=True, kw_only=True):
    """How long finished runs are kept, and what leaves."""

    retention: str | None
    """RUN_RETENTION, of ISO 8601; none: for ever."""
    due_runs: int
    """Runs that leave now."""
    due_messages: int
    """Messages of these."""
    emptying_runs: int
    """Archived runs whose messages are being deleted."""
    runs: list[LeavingRun]
    """The runs that leave next, the oldest first."""


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """RunPage."""

    items: list[RunView]
    next_cursor: str | None


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run: how far it is."""

    run_id: UUID
    mailing_id: UUID
    gateway: str
    priority: str
    """Among those that share the gateway: urgent, normal or bulk."""
    state: str
    planned: int
    open: int
    starts_at: datetime
    ends_at: datetime
    """With its mailing, if that ends earlier now."""
    created_at: datetime
    finished_at: datetime | None
    archived_at: datetime | None
    """Since then its messages are gone."""
    totals: dict[str, int] | None
    """Of an archived run, for good: its messages by state."""
    attempts: int | None
    """Of an archived run, for good."""
    resent_from: UUID | None
    """The run of which this one sends some again."""
    paused: list[SwitchView]
    """The switches that pause it: none, one or both."""
    stopped: list[SwitchView]
    """The same for those that stop it for good."""


class SecretRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is read: a variable of the dispatcher's environment, or a file there."""

    env: str | None | UnsetType = UNSET
    file: str | None | UnsetType = UNSET


class SmtpDescription(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="smtp"):
    """A mail server."""

    timeout_s: float | UnsetType = UNSET
    connect_timeout_s: float | UnsetType = UNSET
    max_connections: int | UnsetType = UNSET
    rate: float | None | UnsetType = UNSET
    burst: int | None | UnsetType = UNSET
    resends_unknown: bool | UnsetType = UNSET
    url: str
    tls: Tls | None | UnsetType = UNSET
    sender: str
    allowed_senders: list[str] | UnsetType = UNSET
    reply_to: str | None | UnsetType = UNSET
    user: str | None | UnsetType = UNSET
    password: SecretRef | None | UnsetType = UNSET
    token: SecretRef | None | UnsetType = UNSET
    mails_per_connection: int | UnsetType = UNSET
    connection_age_s: float | UnsetType = UNSET


class SwitchView(msgspec.Struct, frozen=True, kw_only=True):
    """A switch that keeps a run from being sent."""

    of: str
    """Where it was set, and is lifted: `mailing` at the catalog, `run` here."""
    since: datetime | None
    """None: it was set in an older release."""
    by: str | None
    """As they named themselves."""


class TestRecipient(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a test goes: a client, or a phone or an e-mail address of anybody."""

    client_id: UUID | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    """As people write it, as in +7 (916) 123-45-67; kept as 79161234567."""
    email: str | None | UnsetType = UNSET
    full_name: str | None | UnsetType = UNSET


class TestSendView(msgspec.Struct, frozen=True, kw_only=True):
    """A test send: where its message is, and what was tried."""

    run_id: UUID
    """Of the run that it is, in the ledger like any other."""
    message_id: str
    mailing_id: UUID | None
    """Of which mailing it is a test, if that is saved."""
    client_id: UUID | None
    """None: it went to a bare contact."""
    gateway: str
    status: str
    reason: str | None
    is_final: bool
    """Nothing of it is tried any more."""
    attempts: int
    created_at: datetime
    ends_at: datetime
    """Until then it is tried."""
    attempts_log: list[AttemptView]


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


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway is used, and what it answered in the last five minutes."""

    in_flight: int
    """Requests under way."""
    free: int
    """How many more may begin."""
    answers: AnswersView
    p50_s: float | None
    """By when half of them were answered, in seconds, about; none: there are none."""
    p95_s: float | None
    """The same of 95 in 100."""
    last_failure: FailureView | None
    """None: none was seen."""


class WhyView(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run stands where it does."""

    run_id: UUID
    mailing_id: UUID
    code: str
    """For programs; more may come."""
    sentence: str
    """For people."""
    as_of: datetime
    until: datetime | None
    """When something changes by itself: the start, a retry, another try."""
    planned: int
    """Messages, so far."""
    open: int
    """Messages that are not final."""
    not_due: int
    """Of them: their time has not come."""
    leased: int
    """Of them, about: at senders."""
    retries: int
    """Of them: wait to be tried again; 10,000 stand for more."""
    senders: int
    """That are alive and send through its gateway."""
    unread: int | None
    """Of a run that waits for clients: records to be read from Kafka before."""
    rate_per_s: float | None
    """Messages that came to an end, over the last minute; none: not known."""
    left_s: float | None
    """At this rate."""
    too_late: int | None
    """Messages that will not make it within the window at this rate."""
    behind_s: float | None
    """Since when messages are due that no sender has taken."""


class Dispatcher(Client):
    """The service dispatcher, called and waited for."""

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

    def list_runs(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """Show a page of runs, the newest first."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            RunPage,
        )

    def get_run(self, run_id: UUID) -> RunView:
        """Show how far a run is."""
        return self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )

    def get_run_why(self, run_id: UUID) -> WhyView:
        """Show why a run stands where it does: what it waits for, or how fast it goes on."""
        return self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}/why", run_id=run_id)), WhyView
        )

    def list_run_reasons(self, run_id: UUID, *, cursor: str | None = None) -> ReasonPage:
        """Show the messages of a run grouped by status, reason and status code, with an example each.

        Counts are those of a page, which is enough for a million messages with few failures: go by
        `next_cursor`, and add up the groups of all pages."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs/{run_id}/reasons", run_id=run_id),
                query={"cursor": cursor},
            ),
            ReasonPage,
        )

    def pause_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send nothing of the run until it is resumed here; its mailing's switch stays as it is.

        No request starts later than a second after the answer. It needs neither the catalog nor Kafka."""
        return self._call(
            Call(method="POST", path=path_of("/v1/runs/{run_id}/pause", run_id=run_id), body=body),
            RunView,
        )

    def resume_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send the run again, from where it was; if its mailing is paused, once that is resumed too.

        A run that only its mailing pauses cannot be resumed here: resume the mailing at the catalog."""
        return self._call(
            Call(
                method="POST", path=path_of("/v1/runs/{run_id}/resume", run_id=run_id), body=body
            ),
            RunView,
        )

    def stop_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send nothing of the run any more: what is open is cancelled, what is under way is recorded.

        No request starts later than a second after the answer. It needs neither the catalog nor Kafka."""
        return self._call(
            Call(method="POST", path=path_of("/v1/runs/{run_id}/stop", run_id=run_id), body=body),
            RunView,
        )

    def resend_run(
        self, run_id: UUID, body: ResendBody, *, idempotency_key: str | None = None
    ) -> ResendView:
        """Send again what did not arrive of an ended run: by a new run, over exactly those clients.

        It has the content and the gateway of the other one, a window of its own, and goes by its own
        switch. Who has got it meanwhile by a resend of the run, or of its resends, is left out. What
        is undetermined may have arrived: then a client gets it twice. With an Idempotency-Key, a
        repeated request makes no second run."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/runs/{run_id}/resend", run_id=run_id),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            ResendView,
        )

    def export_run(
        self,
        run_id: UUID,
        *,
        format: ExportFormat | None = None,
        status: State | None = None,
        after: UUID | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Show each message of a run with all attempts, chunk by chunk, as long as it is kept.

        NDJSON has a line for each message, as `/v1/messages/{message_id}` shows it. CSV has a line for
        each attempt, or one for a message without any; a text that a spreadsheet would take for a
        formula has an apostrophe before it. If the run is archived meanwhile, the answer breaks off."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/runs/{run_id}/export", run_id=run_id),
                query={"format": format, "status": status, "after": after},
            )
        )

    def list_messages(
        self,
        *,
        limit: int | None = None,
        run_id: UUID | None = None,
        client_id: UUID | None = None,
        status: State | None = None,
        cursor: str | None = None,
    ) -> MessagePage:
        """Show a page of messages of a run, of a client, or of both; of one status or of all.

        A client's come with the newest run first, a run's in the order of clients. A page may be
        shorter than its limit, even empty, and still be followed by another: go by `next_cursor`.
        Messages of archived runs are deleted: a list of one such run is gone, others leave them out."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/messages"),
                query={
                    "limit": limit,
                    "run_id": run_id,
                    "client_id": client_id,
                    "status": status,
                    "cursor": cursor,
                },
            ),
            MessagePage,
        )

    def get_message(self, message_id: str) -> MessageWithAttempts:
        """Show a message with all attempts and the gateway's answers."""
        return self._call(
            Call(method="GET", path=path_of("/v1/messages/{message_id}", message_id=message_id)),
            MessageWithAttempts,
        )

    def resolve_message(self, message_id: str, body: NewResolution) -> MessageWithAttempts:
        """Say by hand what became of an undetermined message: it is delivered, or it failed.

        Statistics and the totals of its run follow. Should an attempt be answered after all, a success
        wins. Repeating the same has no effect."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/messages/{message_id}/resolve", message_id=message_id),
                body=body,
            ),
            MessageWithAttempts,
        )

    def list_gateways(
        self,
    ) -> GatewayPage:
        """Show all gateways, by name."""
        return self._call(Call(method="GET", path=path_of("/v1/gateways")), GatewayPage)

    def get_gateway(self, name: str) -> GatewayView:
        """Show one gateway; its entity tag is what the next command may expect."""
        return self._call(
            Call(method="GET", path=path_of("/v1/gateways/{name}", name=name)), GatewayView
        )

    def describe_gateway(
        self,
        name: str,
        body: HttpDescription | SmtpDescription | LogDescription,
        *,
        if_match: Version | None = None,
    ) -> GatewayView:
        """Make a gateway, or change it, which every dispatcher takes over within a second.

        What may have arrived is repeated as it was sent, whatever the gateway is now."""
        return self._call(
            Call(
                method="PUT",
                path=path_of("/v1/gateways/{name}", name=name),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            GatewayView,
        )

    def delete_gateway(self, name: str, *, if_match: Version | None = None) -> None:
        """Delete a gateway that no unfinished run uses."""
        self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/gateways/{name}", name=name),
                headers={"If-Match": etag(if_match)},
            )
        )

    def pause_gateway(self, name: str, *, if_match: Version | None = None) -> GatewayView:
        """Send nothing through the gateway until it is resumed."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/gateways/{name}/pause", name=name),
                headers={"If-Match": etag(if_match)},
            ),
            GatewayView,
        )

    def resume_gateway(self, name: str, *, if_match: Version | None = None) -> GatewayView:
        """Send through the gateway again."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/gateways/{name}/resume", name=name),
                headers={"If-Match": etag(if_match)},
            ),
            GatewayView,
        )

    def test_gateway(self, name: str, body: GatewayTest) -> GatewayTestView:
        """Send one message through the gateway now, paused or not, and show what it answered.

        The message really goes out. It is in no mailing and no statistics."""
        return self._call(
            Call(method="POST", path=path_of("/v1/gateways/{name}/test", name=name), body=body),
            GatewayTestView,
        )

    def get_retention(
        self, *, limit: int | None = None, before: datetime | None = None
    ) -> RetentionView:
        """Show how long finished runs are kept, what leaves now, and which runs are next."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/retention"),
                query={"limit": limit, "before": before},
            ),
            RetentionView,
        )

    def archive_runs(self, body: ArchiveRuns) -> ArchivedView:
        """Archive what is due, the oldest first: at most 100 runs or about a million messages.

        Their figures stay, their messages are gone at once, and are deleted in the minutes after."""
        return self._call(
            Call(method="POST", path=path_of("/v1/retention"), body=body), ArchivedView
        )

    def get_dispatcher_subject_data(
        self, client_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> DispatcherSubjectDataView:
        """Show all that the dispatcher has of a person: its copy, contacts and a page of messages.

        The catalog has the rest, at the same path."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/subject-data", client_id=client_id),
                query={"limit": limit, "cursor": cursor},
            ),
            DispatcherSubjectDataView,
        )

    def send_test(self, body: NewTestSend, *, idempotency_key: str | None = None) -> TestSendView:
        """Send one message as a mailing would, at once, before all that is not urgent.

        It goes the way of all messages: what holds its gateway holds it, and it is tried again, for
        ten minutes. It is in the ledger as a run of its own, and in no statistics and no event; no
        switch of a mailing concerns it. A bare contact is kept for a day after that, unless it is
        erased before."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/test-sends"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            TestSendView,
        )

    def get_test_send(self, run_id: UUID) -> TestSendView:
        """Show what became of a test send, with all attempts and the gateway's answers."""
        return self._call(
            Call(method="GET", path=path_of("/v1/test-sends/{run_id}", run_id=run_id)),
            TestSendView,
        )

    def erase_test_contact(self, run_id: UUID) -> None:
        """Erase the bare contact of a test send now; what was not sent yet is cancelled."""
        self._do(
            Call(method="DELETE", path=path_of("/v1/test-sends/{run_id}/contact", run_id=run_id))
        )

    def preview_audience(
        self, body: PreviewedAudience, *, limit: int | None = None, cursor: str | None = None
    ) -> AudiencePreview:
        """Count whom a filter selects now and who would get nothing, and show a page of them.

        It is the condition by which runs are written down. A run has who was there when it began."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/audience-previews"),
                query={"limit": limit, "cursor": cursor},
                body=body,
            ),
            AudiencePreview,
        )


class AsyncDispatcher(AsyncClient):
    """The service dispatcher, awaited."""

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

    async def list_runs(
        self,
        *,
        limit: int | None = None,
        mailing_id: UUID | None = None,
        cursor: str | None = None,
    ) -> RunPage:
        """Show a page of runs, the newest first."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs"),
                query={"limit": limit, "mailing_id": mailing_id, "cursor": cursor},
            ),
            RunPage,
        )

    async def get_run(self, run_id: UUID) -> RunView:
        """Show how far a run is."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}", run_id=run_id)), RunView
        )

    async def get_run_why(self, run_id: UUID) -> WhyView:
        """Show why a run stands where it does: what it waits for, or how fast it goes on."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/runs/{run_id}/why", run_id=run_id)), WhyView
        )

    async def list_run_reasons(self, run_id: UUID, *, cursor: str | None = None) -> ReasonPage:
        """Show the messages of a run grouped by status, reason and status code, with an example each.

        Counts are those of a page, which is enough for a million messages with few failures: go by
        `next_cursor`, and add up the groups of all pages."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/runs/{run_id}/reasons", run_id=run_id),
                query={"cursor": cursor},
            ),
            ReasonPage,
        )

    async def pause_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send nothing of the run until it is resumed here; its mailing's switch stays as it is.

        No request starts later than a second after the answer. It needs neither the catalog nor Kafka."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/runs/{run_id}/pause", run_id=run_id), body=body),
            RunView,
        )

    async def resume_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send the run again, from where it was; if its mailing is paused, once that is resumed too.

        A run that only its mailing pauses cannot be resumed here: resume the mailing at the catalog."""
        return await self._call(
            Call(
                method="POST", path=path_of("/v1/runs/{run_id}/resume", run_id=run_id), body=body
            ),
            RunView,
        )

    async def stop_run(self, run_id: UUID, *, body: Moving | None = None) -> RunView:
        """Send nothing of the run any more: what is open is cancelled, what is under way is recorded.

        No request starts later than a second after the answer. It needs neither the catalog nor Kafka."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/runs/{run_id}/stop", run_id=run_id), body=body),
            RunView,
        )

    async def resend_run(
        self, run_id: UUID, body: ResendBody, *, idempotency_key: str | None = None
    ) -> ResendView:
        """Send again what did not arrive of an ended run: by a new run, over exactly those clients.

        It has the content and the gateway of the other one, a window of its own, and goes by its own
        switch. Who has got it meanwhile by a resend of the run, or of its resends, is left out. What
        is undetermined may have arrived: then a client gets it twice. With an Idempotency-Key, a
        repeated request makes no second run."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/runs/{run_id}/resend", run_id=run_id),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            ResendView,
        )

    def export_run(
        self,
        run_id: UUID,
        *,
        format: ExportFormat | None = None,
        status: State | None = None,
        after: UUID | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Show each message of a run with all attempts, chunk by chunk, as long as it is kept.

        NDJSON has a line for each message, as `/v1/messages/{message_id}` shows it. CSV has a line for
        each attempt, or one for a message without any; a text that a spreadsheet would take for a
        formula has an apostrophe before it. If the run is archived meanwhile, the answer breaks off."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/runs/{run_id}/export", run_id=run_id),
                query={"format": format, "status": status, "after": after},
            )
        )

    async def list_messages(
        self,
        *,
        limit: int | None = None,
        run_id: UUID | None = None,
        client_id: UUID | None = None,
        status: State | None = None,
        cursor: str | None = None,
    ) -> MessagePage:
        """Show a page of messages of a run, of a client, or of both; of one status or of all.

        A client's come with the newest run first, a run's in the order of clients. A page may be
        shorter than its limit, even empty, and still be followed by another: go by `next_cursor`.
        Messages of archived runs are deleted: a list of one such run is gone, others leave them out."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/messages"),
                query={
                    "limit": limit,
                    "run_id": run_id,
                    "client_id": client_id,
                    "status": status,
                    "cursor": cursor,
                },
            ),
            MessagePage,
        )

    async def get_message(self, message_id: str) -> MessageWithAttempts:
        """Show a message with all attempts and the gateway's answers."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/messages/{message_id}", message_id=message_id)),
            MessageWithAttempts,
        )

    async def resolve_message(self, message_id: str, body: NewResolution) -> MessageWithAttempts:
        """Say by hand what became of an undetermined message: it is delivered, or it failed.

        Statistics and the totals of its run follow. Should an attempt be answered after all, a success
        wins. Repeating the same has no effect."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/messages/{message_id}/resolve", message_id=message_id),
                body=body,
            ),
            MessageWithAttempts,
        )

    async def list_gateways(
        self,
    ) -> GatewayPage:
        """Show all gateways, by name."""
        return await self._call(Call(method="GET", path=path_of("/v1/gateways")), GatewayPage)

    async def get_gateway(self, name: str) -> GatewayView:
        """Show one gateway; its entity tag is what the next command may expect."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/gateways/{name}", name=name)), GatewayView
        )

    async def describe_gateway(
        self,
        name: str,
        body: HttpDescription | SmtpDescription | LogDescription,
        *,
        if_match: Version | None = None,
    ) -> GatewayView:
        """Make a gateway, or change it, which every dispatcher takes over within a second.

        What may have arrived is repeated as it was sent, whatever the gateway is now."""
        return await self._call(
            Call(
                method="PUT",
                path=path_of("/v1/gateways/{name}", name=name),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            GatewayView,
        )

    async def delete_gateway(self, name: str, *, if_match: Version | None = None) -> None:
        """Delete a gateway that no unfinished run uses."""
        await self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/gateways/{name}", name=name),
                headers={"If-Match": etag(if_match)},
            )
        )

    async def pause_gateway(self, name: str, *, if_match: Version | None = None) -> GatewayView:
        """Send nothing through the gateway until it is resumed."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/gateways/{name}/pause", name=name),
                headers={"If-Match": etag(if_match)},
            ),
            GatewayView,
        )

    async def resume_gateway(self, name: str, *, if_match: Version | None = None) -> GatewayView:
        """Send through the gateway again."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/gateways/{name}/resume", name=name),
                headers={"If-Match": etag(if_match)},
            ),
            GatewayView,
        )

    async def test_gateway(self, name: str, body: GatewayTest) -> GatewayTestView:
        """Send one message through the gateway now, paused or not, and show what it answered.

        The message really goes out. It is in no mailing and no statistics."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/gateways/{name}/test", name=name), body=body),
            GatewayTestView,
        )

    async def get_retention(
        self, *, limit: int | None = None, before: datetime | None = None
    ) -> RetentionView:
        """Show how long finished runs are kept, what leaves now, and which runs are next."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/retention"),
                query={"limit": limit, "before": before},
            ),
            RetentionView,
        )

    async def archive_runs(self, body: ArchiveRuns) -> ArchivedView:
        """Archive what is due, the oldest first: at most 100 runs or about a million messages.

        Their figures stay, their messages are gone at once, and are deleted in the minutes after."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/retention"), body=body), ArchivedView
        )

    async def get_dispatcher_subject_data(
        self, client_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> DispatcherSubjectDataView:
        """Show all that the dispatcher has of a person: its copy, contacts and a page of messages.

        The catalog has the rest, at the same path."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/subject-data", client_id=client_id),
                query={"limit": limit, "cursor": cursor},
            ),
            DispatcherSubjectDataView,
        )

    async def send_test(
        self, body: NewTestSend, *, idempotency_key: str | None = None
    ) -> TestSendView:
        """Send one message as a mailing would, at once, before all that is not urgent.

        It goes the way of all messages: what holds its gateway holds it, and it is tried again, for
        ten minutes. It is in the ledger as a run of its own, and in no statistics and no event; no
        switch of a mailing concerns it. A bare contact is kept for a day after that, unless it is
        erased before."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/test-sends"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            TestSendView,
        )

    async def get_test_send(self, run_id: UUID) -> TestSendView:
        """Show what became of a test send, with all attempts and the gateway's answers."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/test-sends/{run_id}", run_id=run_id)),
            TestSendView,
        )

    async def erase_test_contact(self, run_id: UUID) -> None:
        """Erase the bare contact of a test send now; what was not sent yet is cancelled."""
        await self._do(
            Call(method="DELETE", path=path_of("/v1/test-sends/{run_id}/contact", run_id=run_id))
        )

    async def preview_audience(
        self, body: PreviewedAudience, *, limit: int | None = None, cursor: str | None = None
    ) -> AudiencePreview:
        """Count whom a filter selects now and who would get nothing, and show a page of them.

        It is the condition by which runs are written down. A run has who was there when it began."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/audience-previews"),
                query={"limit": limit, "cursor": cursor},
                body=body,
            ),
            AudiencePreview,
        )
