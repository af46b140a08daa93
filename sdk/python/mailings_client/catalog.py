"""The API of catalog, made by `python -m deploy.sdk` out of its OpenAPI document."""

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

Empty: TypeAlias = Literal["clear", "keep"]

ExportFormat: TypeAlias = Literal["ndjson", "csv"]

Key: TypeAlias = Literal["phone", "email", "external_id", "client_id"]

MailingStatus: TypeAlias = Literal["created", "running", "paused", "stopped", "finished"]

MessageClass: TypeAlias = Literal["marketing", "transactional", "critical"]

Missed: TypeAlias = Literal["run_latest", "run_all", "skip"]

Missing: TypeAlias = Literal["last_day", "skip"]

Mode: TypeAlias = Literal["upsert", "insert", "update"]

NoZone: TypeAlias = Literal["mailing_zone", "skip"]

OnUnknown: TypeAlias = Literal["prefer_delivery", "prefer_silence"]

Otherwise: TypeAlias = Literal["mailing_zone", "recipient_local"]

Overlap: TypeAlias = Literal["skip", "queue", "allow"]

Priority: TypeAlias = Literal["bulk", "normal", "urgent"]

SuppressedReason: TypeAlias = Literal[
    "requested",
    "unsubscribed",
    "complained",
    "bounced",
    "capped",
    "time_passed",
    "no_zone",
    "quiet_hours",
]

Tags: TypeAlias = Literal["replace", "add"]

UnknownColumns: TypeAlias = Literal["refuse", "ignore"]

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


class AudienceChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The body of PATCH /v1/audiences/{audience_id}: what it does not name stays."""

    name: str | None | UnsetType = UNSET
    filter: FilterChanges | None | UnsetType = UNSET


class AudiencePage(msgspec.Struct, frozen=True, kw_only=True):
    """AudiencePage."""

    items: list[AudienceView]
    next_cursor: str | None


class AudienceView(msgspec.Struct, frozen=True, kw_only=True):
    """A saved audience, as it is shown."""

    audience_id: UUID
    name: str
    filter: FilterView
    version: int
    created_at: datetime
    changed_at: datetime


class BegunRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run that was begun, or had been."""

    run_id: UUID
    mailing_id: UUID
    nominal: str


class CellView(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a cell of a row, at most its beginning."""

    field: str
    value: str


class ChangedMailing(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing, as it was changed."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: FilterView
    starts_at: datetime
    ends_at: datetime
    gateway: str
    html: str | None
    sender: str | None
    priority: str
    max_attempts: int | None
    """Of each message; none: the window decides."""
    on_unknown: str | None
    """None: as its gateway is described."""
    schedule: RecurrenceView | None
    """When it recurs; none: it runs once."""
    message_class: str
    topic: str | None
    """By which clients can refuse it; none: no particular one."""
    time_policy: TimePolicyView | None
    """When each client gets it; none: when a run begins."""
    quiet_hours: QuietHoursView | None
    """None: as the platform has it."""
    audience_id: UUID | None = None
    """That the filter is of; none: its own."""
    audience_name: str | None = None
    status: str
    missed_reason: str | None
    paused_at: datetime | None
    """None also: it was in an older release."""
    paused_by: str | None
    """As they named themselves."""
    paused_runs: list[PausedRun]
    """Runs that are paused by their own switch."""
    version: int
    created_at: datetime
    changed_at: datetime
    remarks: list[RemarkView] | None = None
    """If there is something to be said of what was saved: what that is."""
    unknown_phones: list[str] | None = None
    """If it was given phones: JSON pointers of those that are no client's."""


class ClientChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The body of PATCH /v1/clients/{client_id}: what it does not name stays, null empties."""

    phone: str | None | UnsetType = UNSET
    """As people write it, as in +7 (916) 123-45-67; kept as 79161234567."""
    operator_code: str | None | UnsetType = UNSET
    tags: list[str] | None | UnsetType = UNSET
    time_zone: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    full_name: str | None | UnsetType = UNSET
    comment: str | None | UnsetType = UNSET
    preferred_times: list[PreferredTimeBody] | None | UnsetType = UNSET
    """On the client's own clock."""
    external_id: str | None | UnsetType = UNSET
    """By which another system knows the client."""


class ClientPage(msgspec.Struct, frozen=True, kw_only=True):
    """ClientPage."""

    items: list[ClientView]
    next_cursor: str | None


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A client, as it is shown."""

    client_id: UUID
    phone: str | None
    operator_code: str | None
    tags: list[str]
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None
    preferred_times: list[PreferredTimeView]
    """In which it likes to be written to."""
    external_id: str | None
    version: int
    created_at: datetime
    changed_at: datetime


class ColumnView(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a file, and the field that it is read as."""

    name: str
    field: str


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


class ConditionView(
    msgspec.Struct, frozen=True, kw_only=True, rename={"and_": "and", "or_": "or", "not_": "not"}
):
    """What a client must be: all that is stated; what is not is left out."""

    operator_codes: list[str] | None = None
    tags: list[str] | None = None
    all_tags: list[str] | None = None
    no_tags: list[str] | None = None
    time_zones: list[str] | None = None
    client_ids: list[UUID] | None = None
    ids_left_out: int | None = None
    """So many client_ids that a list does not show."""
    has_phone: bool | None = None
    has_email: bool | None = None
    and_: list[ConditionView] | None = None
    or_: list[ConditionView] | None = None
    not_: ConditionView | None = None


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


class ErasedClientView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to erase a client, and what is kept."""

    client_id: UUID
    erased_at: datetime
    """The first time, should it have been asked for again."""
    log_compacted_by: datetime
    """From then on Kafka compacts what older records of the topic say."""
    kept_suppressions: list[SuppressionView]
    """Hashes by which the person goes on to get nothing, should it come again."""


class EventDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a decision about events that were not published: which are meant, and why."""

    reason: str
    """Why; it is in the service's log."""
    by: str | None | UnsetType = UNSET
    """Who decides, as they name themselves."""
    key: str | None | UnsetType = UNSET
    """Only of this key, as of a mailing."""


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the client's stream, as it is stored."""

    version: int
    type: str
    recorded_at: datetime
    data: dict[str, Any]


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """A tag or an operator code, and how many clients have it."""

    value: str
    count: int


class FacetsView(msgspec.Struct, frozen=True, kw_only=True):
    """How many clients have what is asked for, and which tags and codes these have.

    As clients were some seconds ago."""

    count: int
    is_exact: bool
    counted: int
    tags: list[Facet]
    operator_codes: list[Facet]


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field that has another value than before."""

    field: str
    """As the mailing shows it."""
    before: Any
    """None: it had no value. Texts are cut to 2,000 characters."""
    after: Any
    """The same for what it has now."""


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


class FilterChanges(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a filter: what it does not name stays, null means no restriction.

    A condition is replaced as a whole."""

    operator_codes: list[str] | None | UnsetType = UNSET
    tags: list[str] | None | UnsetType = UNSET
    include: ConditionBody | None | UnsetType = UNSET
    """Of the clients with these codes and tags, those that this is true for."""
    exclude: ConditionBody | None | UnsetType = UNSET
    """Clients that this is true for are left out."""
    one_per_contact: bool | None | UnsetType = UNSET
    """Of several clients with one phone, or one e-mail, as its gateway needs: one."""


class FilterView(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a mailing is for; an empty list doesn't restrict."""

    operator_codes: list[str]
    tags: list[str]
    include: ConditionView | None = None
    """Of the clients with these codes and tags, those that this is true for."""
    exclude: ConditionView | None = None
    """Clients that this is true for are left out."""
    one_per_contact: bool | None = None
    """Of several clients with one phone, or one e-mail, as its gateway needs: one."""


class GatewayPage(msgspec.Struct, frozen=True, kw_only=True):
    """GatewayPage."""

    items: list[GatewayView]
    next_cursor: str | None


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that mailings may name."""

    name: str
    contact: str | None
    sender: str | None
    """Whom its messages are from if a mailing names nobody."""
    allowed_senders: list[str] | None
    """Whom else a mailing may name: addresses, or domains. None: it is not known."""
    is_paused: bool
    version: int


class ImportPage(msgspec.Struct, frozen=True, kw_only=True):
    """ImportPage."""

    items: list[ImportView]
    next_cursor: str | None


class ImportView(msgspec.Struct, frozen=True, kw_only=True):
    """An import: how far it is, or what came of it."""

    import_id: UUID
    status: str
    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    rejection_counts: list[RejectionCount]
    bytes: int
    lines: int | None
    file_name: str | None
    dry_run: bool
    format: str | None
    charset: str | None
    delimiter: str | None
    columns: list[ColumnView] | None
    ignored_columns: list[str] | None
    failure_reason: str | None
    started_at: datetime
    ended_at: datetime | None


class ImportedSuppressions(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file."""

    lines: int
    """That were not empty, the header not counted."""
    suppressed: int
    """Of these: that were not suppressed before."""
    unchanged: int
    refused: int
    refused_lines: list[RefusedLine]
    """The first 1,000 of them."""


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


class MailingChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The body of PATCH /v1/mailings/{mailing_id}: what it does not name stays.

    Null removes, as if it had never been named: no subject, no HTML, everybody, now, the default
    gateway, the gateway's own sender, normal priority, as many attempts as the window allows, of
    what nobody knows what the gateway is described to do, no recurrence, marketing, no
    topic, due when a run begins, the platform's quiet hours, and no saved audience, whose filter
    it keeps as its own.
    Name, body and end cannot be removed."""

    name: str | None | UnsetType = UNSET
    body: str | None | UnsetType = UNSET
    subject: str | None | UnsetType = UNSET
    filter: FilterChanges | None | UnsetType = UNSET
    audience: str | None | UnsetType = UNSET
    """A saved audience instead of a filter, by its identifier or name."""
    starts_at: datetime | None | UnsetType = UNSET
    ends_at: datetime | None | UnsetType = UNSET
    gateway: str | None | UnsetType = UNSET
    html: str | None | UnsetType = UNSET
    sender: str | None | UnsetType = UNSET
    priority: Priority | None | UnsetType = UNSET
    """Of mailings that share a gateway: urgent before normal before bulk, by turns."""
    max_attempts: int | None | UnsetType = UNSET
    """Of each message, that count; none: as many as the window allows."""
    on_unknown: OnUnknown | None | UnsetType = UNSET
    """Where nobody can know whether a message has arrived: send it once more, or leave
it. None: as its gateway is described, which is to send it once more unless that says otherwise."""
    schedule: ScheduleChanges | None | UnsetType = UNSET
    """When it recurs between starts_at and ends_at; none: it runs once, in that window."""
    message_class: MessageClass | None | UnsetType = UNSET
    """What messages are for people; critical ones wait for no quiet hours."""
    topic: str | None | UnsetType = UNSET
    """By which clients can refuse it, such as news; none: no particular one."""
    time_policy: TimePolicyChanges | None | UnsetType = UNSET
    """When each client gets it; none: all of them when a run begins."""
    quiet_hours: QuietHoursBody | None | UnsetType = UNSET
    """None: as the platform has it. What begins then waits for their end; retries too."""


class MailingEventPage(msgspec.Struct, frozen=True, kw_only=True):
    """MailingEventPage."""

    items: list[MailingEventView]
    next_cursor: str | None


class MailingEventView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a mailing."""

    version: int
    """That the mailing has since then."""
    type: str
    """Of any release."""
    recorded_at: datetime
    by: str | None
    """Who moved a switch, as they named themselves."""
    run_id: UUID | None
    """Of a run that it is about."""
    nominal: str | None
    """Names that run."""
    reason: str | None
    """Why a run did not begin, or was missed."""
    changes: list[FieldChange]
    """What is otherwise in the mailing now."""
    correlation_id: UUID
    """All that followed from one request has the same."""
    causation_id: UUID | None
    """The event that led to it; none: a request."""


class MailingPage(msgspec.Struct, frozen=True, kw_only=True):
    """MailingPage."""

    items: list[MailingView]
    next_cursor: str | None


class MailingPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailing would be, what it says, and to how many it would go now."""

    starts_at: datetime
    ends_at: datetime
    clients: int
    is_whole: bool
    """False: there are more, which are not counted."""
    without_contact: int
    """Of them: they have nothing that its gateway could write to."""
    missing: dict[str, int]
    """Variables of its texts, and how many of the clients do not have them."""
    message: MessageView


class MailingView(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing, as it is shown."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: FilterView
    starts_at: datetime
    ends_at: datetime
    gateway: str
    html: str | None
    sender: str | None
    priority: str
    max_attempts: int | None
    """Of each message; none: the window decides."""
    on_unknown: str | None
    """None: as its gateway is described."""
    schedule: RecurrenceView | None
    """When it recurs; none: it runs once."""
    message_class: str
    topic: str | None
    """By which clients can refuse it; none: no particular one."""
    time_policy: TimePolicyView | None
    """When each client gets it; none: when a run begins."""
    quiet_hours: QuietHoursView | None
    """None: as the platform has it."""
    audience_id: UUID | None = None
    """That the filter is of; none: its own."""
    audience_name: str | None = None
    status: str
    missed_reason: str | None
    paused_at: datetime | None
    """None also: it was in an older release."""
    paused_by: str | None
    """As they named themselves."""
    paused_runs: list[PausedRun]
    """Runs that are paused by their own switch."""
    version: int
    created_at: datetime
    changed_at: datetime


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it would be sent."""

    client_id: UUID | None
    """None: it is of values."""
    sender: str | None
    subject: str | None
    text: str
    html: str | None
    sms: SmsView | None
    """None: it is a mail."""
    missing: list[str]
    """Variables that the client does not have."""


class MonthlyBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="monthly"):
    """Every month, on one day."""

    on: DayOfMonthBody | LastDayBody | NthWeekdayBody
    at: str
    """Local time."""
    zone: str
    """Of IANA."""
    missing: Missing | UnsetType = UNSET
    """In months without the day."""


class Moving(msgspec.Struct, frozen=True, kw_only=True):
    """Who moves a switch, as they name themselves."""

    by: str | None | UnsetType = UNSET
    """A name that is shown beside the switch."""


class NewAudience(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/audiences: a filter, and the name by which mailings refer to it."""

    name: str
    filter: FilterBody | UnsetType = UNSET


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/clients; a phone or an e-mail is needed."""

    phone: str | None | UnsetType = UNSET
    """As people write it, as in +7 (916) 123-45-67; kept as 79161234567."""
    operator_code: str | None | UnsetType = UNSET
    tags: list[str] | None | UnsetType = UNSET
    time_zone: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    full_name: str | None | UnsetType = UNSET
    comment: str | None | UnsetType = UNSET
    preferred_times: list[PreferredTimeBody] | None | UnsetType = UNSET
    """On the client's own clock."""
    external_id: str | None | UnsetType = UNSET
    """By which another system knows the client."""


class NewMailing(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/mailings; its window `[starts_at, ends_at)` begins now by default."""

    name: str
    body: str
    subject: str | None | UnsetType = UNSET
    filter: FilterBody | UnsetType = UNSET
    audience: str | None | UnsetType = UNSET
    """A saved audience instead of a filter, by its identifier or name."""
    starts_at: datetime | None | UnsetType = UNSET
    ends_at: datetime
    gateway: str | UnsetType = UNSET
    html: str | None | UnsetType = UNSET
    sender: str | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    """Of mailings that share a gateway: urgent before normal before bulk, by turns."""
    max_attempts: int | None | UnsetType = UNSET
    """Of each message, that count; none: as many as the window allows."""
    on_unknown: OnUnknown | None | UnsetType = UNSET
    """Where nobody can know whether a message has arrived: send it once more, or leave
it. None: as its gateway is described, which is to send it once more unless that says otherwise."""
    schedule: ScheduleBody | None | UnsetType = UNSET
    """When it recurs between starts_at and ends_at; none: it runs once, in that window."""
    message_class: MessageClass | UnsetType = UNSET
    """What messages are for people; critical ones wait for no quiet hours."""
    topic: str | None | UnsetType = UNSET
    """By which clients can refuse it, such as news; none: no particular one."""
    time_policy: TimePolicyBody | None | UnsetType = UNSET
    """When each client gets it; none: all of them when a run begins."""
    quiet_hours: QuietHoursBody | None | UnsetType = UNSET
    """None: as the platform has it. What begins then waits for their end; retries too."""


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/mailings/{mailing_id}/runs: which run it is to be."""

    nominal: str | None | UnsetType = UNSET
    """Names the run, which is begun once: a local time, in the zone of the schedule's first entry if it names none. None: a run of its own, now."""


class NewSuppression(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/suppressions: a client or one of its contacts."""

    client_id: UUID | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    """As people write it, as in +7 (916) 123-45-67; kept as 79161234567."""
    email: str | None | UnsetType = UNSET
    topic: str | None | UnsetType = UNSET
    """Of mailings; none: all."""
    reason: SuppressedReason | UnsetType = UNSET
    source: str | None | UnsetType = UNSET
    """Where it is from, as you name it; no personal data."""


class NthWeekdayBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="weekday"):
    """The first to fifth, or the last, of such weekdays."""

    weekday: Weekday
    nth: int | Literal["last"]


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


class PausedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose own switch pauses it, which is lifted at the dispatcher."""

    run_id: UUID
    since: datetime
    by: str | None
    """As they named themselves."""


class PreferredTimeBody(msgspec.Struct, frozen=True, kw_only=True):
    """A local time on some days of the week, at which the client likes to be written to."""

    days: list[Weekday]
    at: str
    """Local time."""


class PreferredTimeView(msgspec.Struct, frozen=True, kw_only=True):
    """A local time on some days of the week."""

    id: str
    """By which it is deleted."""
    days: list[str]
    at: str


class PreferredTimesView(msgspec.Struct, frozen=True, kw_only=True):
    """All times that a client prefers."""

    items: list[PreferredTimeView]


class PreviewValues(msgspec.Struct, frozen=True, kw_only=True):
    """What a client has, as a preview takes it; what is not named the client does not have."""

    full_name: str | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    operator_code: str | None | UnsetType = UNSET
    time_zone: str | None | UnsetType = UNSET
    comment: str | None | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET


class PreviewedMailing(msgspec.Struct, frozen=True, kw_only=True):
    """The body of POST /v1/mailings/preview: a mailing, and to whom it is shown."""

    client_id: UUID | None | UnsetType = UNSET
    values: PreviewValues | None | UnsetType = UNSET
    name: str
    body: str
    subject: str | None | UnsetType = UNSET
    filter: FilterBody | UnsetType = UNSET
    audience: str | None | UnsetType = UNSET
    """A saved audience instead of a filter, by its identifier or name."""
    starts_at: datetime | None | UnsetType = UNSET
    ends_at: datetime
    gateway: str | UnsetType = UNSET
    html: str | None | UnsetType = UNSET
    sender: str | None | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    """Of mailings that share a gateway: urgent before normal before bulk, by turns."""
    max_attempts: int | None | UnsetType = UNSET
    """Of each message, that count; none: as many as the window allows."""
    on_unknown: OnUnknown | None | UnsetType = UNSET
    """Where nobody can know whether a message has arrived: send it once more, or leave
it. None: as its gateway is described, which is to send it once more unless that says otherwise."""
    schedule: ScheduleBody | None | UnsetType = UNSET
    """When it recurs between starts_at and ends_at; none: it runs once, in that window."""
    message_class: MessageClass | UnsetType = UNSET
    """What messages are for people; critical ones wait for no quiet hours."""
    topic: str | None | UnsetType = UNSET
    """By which clients can refuse it, such as news; none: no particular one."""
    time_policy: TimePolicyBody | None | UnsetType = UNSET
    """When each client gets it; none: all of them when a run begins."""
    quiet_hours: QuietHoursBody | None | UnsetType = UNSET
    """None: as the platform has it. What begins then waits for their end; retries too."""


class QuietHoursBody(msgspec.Struct, frozen=True, kw_only=True):
    """Hours on each client's clock at which nothing begins; none if both are equal."""

    begins: str
    """Local time."""
    ends: str
    """Local time."""


class QuietHoursView(msgspec.Struct, frozen=True, kw_only=True):
    """Hours on each client's clock at which nothing begins; none if both are equal."""

    begins: str
    ends: str


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a preview is: a client, or values of nobody; neither: any client it would go to."""

    client_id: UUID | None | UnsetType = UNSET
    values: PreviewValues | None | UnsetType = UNSET


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


class RefusedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a file that suppresses nothing, and why."""

    line: int
    column: str | None = None
    """Of an export."""
    code: str
    detail: str | None = None


class RejectedRowView(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a file that was rejected, and names the person."""

    import_id: UUID
    row: int
    line: int | None
    last_line: int | None
    column: str | None
    code: str | None
    """None: the import is of an older release."""
    reason: str
    raw: str
    """As it was read."""


class RejectionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often rows were rejected for one reason; a row may have several."""

    column: str | None
    code: str
    count: int


class RejectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """RejectionPage."""

    items: list[RejectionView]
    next_cursor: str | None


class RejectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not imported, and why."""

    row: int
    place: int
    line: int | None
    last_line: int | None
    column: str | None
    code: str | None
    """None: the import is of an older release."""
    limits: list[int] | None
    """That were not kept, in the order in which the reason has them."""
    reason: str
    cells: list[CellView]
    """What says whose row it is, and what is wrong; none: it is not kept."""


class RemarkView(msgspec.Struct, frozen=True, kw_only=True):
    """For what a change does not hold, or what its times lead to."""

    code: str
    detail: str


class SavedAudience(msgspec.Struct, frozen=True, kw_only=True):
    """An audience as it was saved."""

    audience_id: UUID
    name: str
    filter: FilterView
    version: int
    created_at: datetime
    changed_at: datetime
    unknown_phones: list[str] | None = None
    """If it was given phones: JSON pointers of those that are no client's."""


class SavedMailing(msgspec.Struct, frozen=True, kw_only=True):
    """A mailing as it was saved."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: FilterView
    starts_at: datetime
    ends_at: datetime
    gateway: str
    html: str | None
    sender: str | None
    priority: str
    max_attempts: int | None
    """Of each message; none: the window decides."""
    on_unknown: str | None
    """None: as its gateway is described."""
    schedule: RecurrenceView | None
    """When it recurs; none: it runs once."""
    message_class: str
    topic: str | None
    """By which clients can refuse it; none: no particular one."""
    time_policy: TimePolicyView | None
    """When each client gets it; none: when a run begins."""
    quiet_hours: QuietHoursView | None
    """None: as the platform has it."""
    audience_id: UUID | None = None
    """That the filter is of; none: its own."""
    audience_name: str | None = None
    status: str
    missed_reason: str | None
    paused_at: datetime | None
    """None also: it was in an older release."""
    paused_by: str | None
    """As they named themselves."""
    paused_runs: list[PausedRun]
    """Runs that are paused by their own switch."""
    version: int
    created_at: datetime
    changed_at: datetime
    remarks: list[RemarkView] | None = None
    """If there is something to be said of what was saved: what that is."""
    unknown_phones: list[str] | None = None
    """If it was given phones: JSON pointers of those that are no client's."""


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


class ScheduleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a schedule: what it does not name stays, null is the default."""

    entries: (
        list[OnceBody | DailyBody | WeeklyBody | MonthlyBody | CronBody] | None | UnsetType
    ) = UNSET
    count: int | None | UnsetType = UNSET
    """At most so many occurrences, from the start on."""
    except_dates: list[str] | None | UnsetType = UNSET
    window_s: int | None | UnsetType = UNSET
    missed: Missed | None | UnsetType = UNSET
    missed_max: int | None | UnsetType = UNSET
    catch_up_s: int | None | UnsetType = UNSET
    """Later than that, in seconds, none runs."""
    overlap: Overlap | None | UnsetType = UNSET


class SmsView(msgspec.Struct, frozen=True, kw_only=True):
    """What a text is as an SMS."""

    characters: int
    alphabet: str
    """gsm7: seven bits each, or ucs2: sixteen."""
    segments: int
    """Of 160 or 70 if alone, else of 153 or 67 characters."""


class SubjectDataView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the catalog has of a person."""

    client: ClientView | None
    """None: it is removed, or erased."""
    erased_at: datetime | None
    events: list[EventView]
    suppressions: list[SuppressionView]
    rejected_rows: list[RejectedRowView]


class SuppressedClientPage(msgspec.Struct, frozen=True, kw_only=True):
    """SuppressedClientPage."""

    items: list[SuppressedClientView]
    next_cursor: str | None


class SuppressedClientView(msgspec.Struct, frozen=True, kw_only=True):
    """By what a client is suppressed."""

    client_id: UUID
    kind: str
    """client: itself; phone, email: the contact that it has now."""
    is_whole: bool
    """Of all mailings; false: only of those of some topics."""


class SuppressionPage(msgspec.Struct, frozen=True, kw_only=True):
    """SuppressionPage."""

    items: list[SuppressionView]
    next_cursor: str | None


class SuppressionView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not wanted any more."""

    subject: str
    """The client's identifier, or a hash of the contact."""
    kind: str
    """client, phone or email"""
    topic: str | None
    """Of mailings; none: all of them."""
    reason: str
    source: str | None
    """As whoever entered it named it."""
    since: datetime
    key_id: str | None = None
    """Of the key by which the contact was hashed, where that is known."""


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


class TimePolicyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a policy: what it does not name stays, null is the default."""

    kind: Clock | None | UnsetType = UNSET
    """recipient_local: at the local time on each client's own clock; preferred_times: at the
next time that the client prefers."""
    zone: str | None | UnsetType = UNSET
    """The mailing's; none: that of its schedule."""
    at: str | None | UnsetType = UNSET
    """The local time: of a mailing that runs once with its date, or the time of day alone, which
is then the first that no clock on earth has shown when a run begins. None: that of the
occurrence, or of the run's start."""
    already_passed: AlreadyPassed | None | UnsetType = UNSET
    """Of a client where the local time was over before the run began."""
    no_zone: NoZone | None | UnsetType = UNSET
    """Of a client of whom no zone is known."""
    otherwise: Otherwise | None | UnsetType = UNSET
    """Of preferred times: when those get it who prefer none inside the window."""


class TimePolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """When each client gets its message, of any release, also one that knows more than this."""

    kind: str
    zone: str | None = None
    at: str | None = None
    already_passed: str | None = None
    no_zone: str | None = None
    otherwise: str | None = None


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


class Catalog(Client):
    """The service catalog, called and waited for."""

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

    def export_clients(
        self,
        *,
        format: ExportFormat | None = None,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Show each client that has all of what is asked for, the newest first, as an import takes it.

        NDJSON has a line for each, as `/v1/clients/{client_id}` shows it. In CSV a text that a
        spreadsheet would take for a formula has an apostrophe before it, which an import takes off.
        What broke off goes on behind the last whole line, by its cursor: base64url of
        "created_at,client_id"."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/clients/export"),
                query={
                    "format": format,
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                    "cursor": cursor,
                },
            )
        )

    def register_client(
        self, body: NewClient, *, idempotency_key: str | None = None
    ) -> ClientView:
        """Register a client. With an Idempotency-Key, a repeated request registers no second one."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/clients"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            ClientView,
        )

    def list_clients(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> ClientPage:
        """Show a page of the clients that have all of what is asked for, the newest first.

        Words are found some seconds after a client has come or changed, all else at once."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients"),
                query={
                    "limit": limit,
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                    "cursor": cursor,
                },
            ),
            ClientPage,
        )

    def show_client_facets(
        self,
        *,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
    ) -> FacetsView:
        """Show how many clients have what is asked for, and how many of these have each tag and code.

        As clients were some seconds ago. Of very many the number is a lower bound, and of tags and
        codes the most frequent ones are shown."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/facets"),
                query={
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                },
            ),
            FacetsView,
        )

    def get_client(self, client_id: UUID) -> ClientView:
        """Show one client; its entity tag is what the next command may expect."""
        return self._call(
            Call(method="GET", path=path_of("/v1/clients/{client_id}", client_id=client_id)),
            ClientView,
        )

    def change_client(
        self, client_id: UUID, body: ClientChanges, *, if_match: Version | None = None
    ) -> ClientView:
        """Change what the body names, as a merge patch (RFC 7396)."""
        return self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/clients/{client_id}", client_id=client_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            ClientView,
        )

    def remove_client(
        self, client_id: UUID, *, erase: bool | None = None, if_match: Version | None = None
    ) -> ErasedClientView | None:
        """Address the client no more; messages that are planned for it are cancelled.

        Erased is all that is known of the person, here and in every service: what counts stays, and so
        do hashes of what the person refused to get. See `docs/personal-data.md`."""
        return self._call_or_none(
            Call(
                method="DELETE",
                path=path_of("/v1/clients/{client_id}", client_id=client_id),
                query={"erase": erase},
                headers={"If-Match": etag(if_match)},
            ),
            ErasedClientView,
        )

    def get_subject_data(self, client_id: UUID) -> SubjectDataView:
        """Show all that the catalog has of a person, registered, removed or erased.

        The dispatcher has the rest, at the same path."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/subject-data", client_id=client_id),
            ),
            SubjectDataView,
        )

    def list_preferred_times(self, client_id: UUID) -> PreferredTimesView:
        """Show the times that a client prefers; the entity tag is the client's."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/preferred-times", client_id=client_id),
            ),
            PreferredTimesView,
        )

    def add_preferred_time(
        self, client_id: UUID, body: PreferredTimeBody, *, if_match: Version | None = None
    ) -> PreferredTimesView:
        """Add a time that a client prefers. Days of one local time are kept together."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/clients/{client_id}/preferred-times", client_id=client_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            PreferredTimesView,
        )

    def delete_preferred_time(
        self, client_id: UUID, time_id: str, *, if_match: Version | None = None
    ) -> None:
        """Delete a time that a client prefers, as it is shown."""
        self._do(
            Call(
                method="DELETE",
                path=path_of(
                    "/v1/clients/{client_id}/preferred-times/{time_id}",
                    client_id=client_id,
                    time_id=time_id,
                ),
                headers={"If-Match": etag(if_match)},
            )
        )

    def import_clients(
        self,
        content: Content,
        *,
        import_id: UUID | None = None,
        file_name: str | None = None,
        charset: str | None = None,
        delimiter: str | None = None,
        columns: str | None = None,
        unknown_columns: UnknownColumns | None = None,
        mode: Mode | None = None,
        key: list[Key] | None = None,
        tags: Tags | None = None,
        empty: Empty | None = None,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
        content_type: Literal[
            "text/csv",
            "text/tab-separated-values",
            "text/plain",
            "application/x-ndjson",
            "application/jsonl",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel",
            "application/gzip",
            "application/x-gzip",
            "application/zip",
            "application/x-zip-compressed",
            "application/octet-stream",
        ] = "text/csv",
    ) -> ImportView:
        """Import clients from a file, CSV, NDJSON or XLSX: a row registers its client, or changes it.

        Answers when all rows are in. Who names the import by `import_id` can watch it meanwhile.
        Some are taken at once; the others are answered 503 and may be sent again, as it is."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/imports"),
                query={
                    "import_id": import_id,
                    "file_name": file_name,
                    "charset": charset,
                    "delimiter": delimiter,
                    "columns": columns,
                    "unknown_columns": unknown_columns,
                    "mode": mode,
                    "key": key,
                    "tags": tags,
                    "empty": empty,
                    "dry_run": dry_run,
                },
                headers={"Idempotency-Key": idempotency_key},
                content=content,
                content_type=content_type,
            ),
            ImportView,
        )

    def list_imports(self, *, limit: int | None = None, cursor: str | None = None) -> ImportPage:
        """Show a page of imports, the newest first."""
        return self._call(
            Call(
                method="GET", path=path_of("/v1/imports"), query={"limit": limit, "cursor": cursor}
            ),
            ImportPage,
        )

    def get_import(self, import_id: UUID) -> ImportView:
        """Show an import: how far it is, or what came of it."""
        return self._call(
            Call(method="GET", path=path_of("/v1/imports/{import_id}", import_id=import_id)),
            ImportView,
        )

    def delete_import(self, import_id: UUID) -> None:
        """Delete an import that has ended, with its rejections; its clients stay."""
        self._do(
            Call(method="DELETE", path=path_of("/v1/imports/{import_id}", import_id=import_id))
        )

    def list_rejections(
        self, import_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> RejectionPage:
        """Show a page of the rows that were not imported, each with its place and reason.

        Of very many only the first ones are kept; the import counts all of them by reason."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/imports/{import_id}/rejections", import_id=import_id),
                query={"limit": limit, "cursor": cursor},
            ),
            RejectionPage,
        )

    def export_rejections(
        self, import_id: UUID, *, format: ExportFormat | None = None
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Show the rows that were not imported as the file had them, behind the reason and the line.

        So they can be mended and imported again: an import passes those columns over. `reason_code`
        is for programs, with the limits that were not kept: `email: too_long 254`. A text that a
        spreadsheet would take for a formula has an apostrophe before it, which an import takes off."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/imports/{import_id}/rejections/export", import_id=import_id),
                query={"format": format},
            )
        )

    def cancel_import(self, import_id: UUID) -> ImportView:
        """Cancel an import: no more of its rows are imported; those that are in stay in."""
        return self._call(
            Call(
                method="POST", path=path_of("/v1/imports/{import_id}/cancel", import_id=import_id)
            ),
            ImportView,
        )

    def create_mailing(
        self, body: NewMailing, *, idempotency_key: str | None = None
    ) -> SavedMailing:
        """Create a mailing: inside its window it starts at once, before it by itself when it begins.

        With an Idempotency-Key, a repeated request creates no second one. The answer says if
        occurrences may come due while the run before them is going on, and would not run."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            SavedMailing,
        )

    def list_mailings(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        gateway: str | None = None,
        status: MailingStatus | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> MailingPage:
        """Show a page of the mailings that have all of what is asked for, the newest first."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings"),
                query={
                    "limit": limit,
                    "q": q,
                    "gateway": gateway,
                    "status": status,
                    "ids": ids,
                    "cursor": cursor,
                },
            ),
            MailingPage,
        )

    def get_mailing(self, mailing_id: UUID) -> MailingView:
        """Show one mailing; its entity tag is what the next command may expect."""
        return self._call(
            Call(method="GET", path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id)),
            MailingView,
        )

    def change_mailing(
        self, mailing_id: UUID, body: MailingChanges, *, if_match: Version | None = None
    ) -> ChangedMailing:
        """Change what the body names, as a merge patch (RFC 7396).

        The answer says if the change does not hold for a run that is going on."""
        return self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            ChangedMailing,
        )

    def delete_mailing(self, mailing_id: UUID, *, if_match: Version | None = None) -> None:
        """Stop the mailing and show it no more; what was sent stays on record."""
        self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
            )
        )

    def start_mailing(self, mailing_id: UUID, *, if_match: Version | None = None) -> MailingView:
        """Start the mailing now, whatever its start says; starting it twice is starting it once."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/start", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
            ),
            MailingView,
        )

    def pause_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send nothing of the mailing until it is resumed."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/pause", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    def resume_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send the mailing again."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/resume", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    def stop_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send nothing of the mailing any more, ever."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/stop", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    def list_mailing_events(
        self, mailing_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> MailingEventPage:
        """Show a page of what happened to a mailing, the newest first, also of a deleted one.

        Each event has what it changed of the mailing, field by field, and which run it is about."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings/{mailing_id}/events", mailing_id=mailing_id),
                query={"limit": limit, "cursor": cursor},
            ),
            MailingEventPage,
        )

    def save_audience(
        self, body: NewAudience, *, idempotency_key: str | None = None
    ) -> SavedAudience:
        """Save a filter under a name. With an Idempotency-Key, a repeated request saves no second."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/audiences"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            SavedAudience,
        )

    def list_audiences(
        self, *, limit: int | None = None, name: str | None = None, cursor: str | None = None
    ) -> AudiencePage:
        """Show a page of audiences, the newest first."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/audiences"),
                query={"limit": limit, "name": name, "cursor": cursor},
            ),
            AudiencePage,
        )

    def get_audience(self, audience_id: UUID) -> AudienceView:
        """Show one audience; its entity tag is what the next command may expect."""
        return self._call(
            Call(
                method="GET", path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id)
            ),
            AudienceView,
        )

    def change_audience(
        self, audience_id: UUID, body: AudienceChanges, *, if_match: Version | None = None
    ) -> SavedAudience:
        """Change what the body names, as a merge patch (RFC 7396); mailings that refer to it follow.

        A run that has begun keeps whom it began with."""
        return self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            SavedAudience,
        )

    def delete_audience(self, audience_id: UUID, *, if_match: Version | None = None) -> None:
        """Delete an audience that no mailing which may still run refers to."""
        self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id),
                headers={"If-Match": etag(if_match)},
            )
        )

    def begin_run(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: NewRun | None = None
    ) -> BegunRun:
        """Begin a run by hand: of a recurring mailing one more, named by its nominal time.

        A mailing that runs once is started by it. The same run is begun once, however often it is
        asked for, also if it is an occurrence of the schedule that comes, or came, by itself."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/runs", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            BegunRun,
        )

    def preview_mailing(self, body: PreviewedMailing) -> MailingPreview:
        """Check a mailing as its creation would, show a message, and count. Creates nothing."""
        return self._call(
            Call(method="POST", path=path_of("/v1/mailings/preview"), body=body), MailingPreview
        )

    def preview_saved_mailing(self, mailing_id: UUID, body: Recipient) -> MailingPreview:
        """Show a message of the mailing as it is now, and count whom it would go to."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/preview", mailing_id=mailing_id),
                body=body,
            ),
            MailingPreview,
        )

    def list_gateways(
        self,
    ) -> GatewayPage:
        """Show the gateways that mailings may name."""
        return self._call(Call(method="GET", path=path_of("/v1/gateways")), GatewayPage)

    def suppress(self, body: NewSuppression) -> SuppressionView:
        """Write no more to a client or to a contact. Repeating it changes nothing."""
        return self._call(
            Call(method="POST", path=path_of("/v1/suppressions"), body=body), SuppressionView
        )

    def list_suppressions(
        self,
        *,
        limit: int | None = None,
        topic: str | None = None,
        reason: str | None = None,
        cursor: str | None = None,
        client_id: UUID | None = None,
        phone: str | None = None,
        email: str | None = None,
    ) -> SuppressionPage:
        """Show a page of what is suppressed, the newest first.

        Of a client and contacts that are named, any. Contacts without a client are also found where
        a client that has one of them is suppressed."""
        return self._call(
            Call(
                method="GET",
                path=path_of("/v1/suppressions"),
                query={
                    "limit": limit,
                    "topic": topic,
                    "reason": reason,
                    "cursor": cursor,
                    "client_id": client_id,
                    "phone": phone,
                    "email": email,
                },
            ),
            SuppressionPage,
        )

    def list_suppressed_clients(self, *, ids: list[UUID] | None = None) -> SuppressedClientPage:
        """Show which of some clients are suppressed, themselves or a contact that they have now."""
        return self._call(
            Call(method="GET", path=path_of("/v1/suppressions/clients"), query={"ids": ids}),
            SuppressedClientPage,
        )

    def lift_suppression(self, subject: str, *, topic: str | None = None) -> None:
        """Write again to a client or a contact: of one topic, or of whatever was suppressed."""
        self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/suppressions/{subject}", subject=subject),
                query={"topic": topic},
            )
        )

    def export_suppressions(
        self,
        *,
        format: ExportFormat | None = None,
        topic: str | None = None,
        reason: str | None = None,
        client_id: UUID | None = None,
        phone: str | None = None,
        email: str | None = None,
        cursor: str | None = None,
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Show each suppression that the list has with these filters, the newest first.

        What broke off goes on behind the last whole line, by its cursor: base64url of
        "since,subject,topic", where no topic is an empty one. An import takes it as it is."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/suppressions/export"),
                query={
                    "format": format,
                    "topic": topic,
                    "reason": reason,
                    "client_id": client_id,
                    "phone": phone,
                    "email": email,
                    "cursor": cursor,
                },
            )
        )

    def import_suppressions(
        self,
        content: Content,
        *,
        topic: str | None = None,
        reason: SuppressedReason | None = None,
        source: str | None = None,
        content_type: Literal["application/x-ndjson", "text/csv"] = "application/x-ndjson",
    ) -> ImportedSuppressions:
        """Suppress each phone, e-mail or client's identifier of a file: the first cell of each line.

        What an export has written, CSV or NDJSON, is taken as it is: a contact by its hash, if the
        catalog has the key of it, with topic, reason, source and time.
        What was read before the file broke off is suppressed; sending it again does the rest."""
        return self._call(
            Call(
                method="POST",
                path=path_of("/v1/suppressions/import"),
                query={"topic": topic, "reason": reason, "source": source},
                content=content,
                content_type=content_type,
            ),
            ImportedSuppressions,
        )


class AsyncCatalog(AsyncClient):
    """The service catalog, awaited."""

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

    def export_clients(
        self,
        *,
        format: ExportFormat | None = None,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Show each client that has all of what is asked for, the newest first, as an import takes it.

        NDJSON has a line for each, as `/v1/clients/{client_id}` shows it. In CSV a text that a
        spreadsheet would take for a formula has an apostrophe before it, which an import takes off.
        What broke off goes on behind the last whole line, by its cursor: base64url of
        "created_at,client_id"."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/clients/export"),
                query={
                    "format": format,
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                    "cursor": cursor,
                },
            )
        )

    async def register_client(
        self, body: NewClient, *, idempotency_key: str | None = None
    ) -> ClientView:
        """Register a client. With an Idempotency-Key, a repeated request registers no second one."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/clients"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            ClientView,
        )

    async def list_clients(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> ClientPage:
        """Show a page of the clients that have all of what is asked for, the newest first.

        Words are found some seconds after a client has come or changed, all else at once."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients"),
                query={
                    "limit": limit,
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                    "cursor": cursor,
                },
            ),
            ClientPage,
        )

    async def show_client_facets(
        self,
        *,
        q: str | None = None,
        phone: str | None = None,
        operator_code: str | None = None,
        tag: list[str] | None = None,
        ids: list[UUID] | None = None,
    ) -> FacetsView:
        """Show how many clients have what is asked for, and how many of these have each tag and code.

        As clients were some seconds ago. Of very many the number is a lower bound, and of tags and
        codes the most frequent ones are shown."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/facets"),
                query={
                    "q": q,
                    "phone": phone,
                    "operator_code": operator_code,
                    "tag": tag,
                    "ids": ids,
                },
            ),
            FacetsView,
        )

    async def get_client(self, client_id: UUID) -> ClientView:
        """Show one client; its entity tag is what the next command may expect."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/clients/{client_id}", client_id=client_id)),
            ClientView,
        )

    async def change_client(
        self, client_id: UUID, body: ClientChanges, *, if_match: Version | None = None
    ) -> ClientView:
        """Change what the body names, as a merge patch (RFC 7396)."""
        return await self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/clients/{client_id}", client_id=client_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            ClientView,
        )

    async def remove_client(
        self, client_id: UUID, *, erase: bool | None = None, if_match: Version | None = None
    ) -> ErasedClientView | None:
        """Address the client no more; messages that are planned for it are cancelled.

        Erased is all that is known of the person, here and in every service: what counts stays, and so
        do hashes of what the person refused to get. See `docs/personal-data.md`."""
        return await self._call_or_none(
            Call(
                method="DELETE",
                path=path_of("/v1/clients/{client_id}", client_id=client_id),
                query={"erase": erase},
                headers={"If-Match": etag(if_match)},
            ),
            ErasedClientView,
        )

    async def get_subject_data(self, client_id: UUID) -> SubjectDataView:
        """Show all that the catalog has of a person, registered, removed or erased.

        The dispatcher has the rest, at the same path."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/subject-data", client_id=client_id),
            ),
            SubjectDataView,
        )

    async def list_preferred_times(self, client_id: UUID) -> PreferredTimesView:
        """Show the times that a client prefers; the entity tag is the client's."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/clients/{client_id}/preferred-times", client_id=client_id),
            ),
            PreferredTimesView,
        )

    async def add_preferred_time(
        self, client_id: UUID, body: PreferredTimeBody, *, if_match: Version | None = None
    ) -> PreferredTimesView:
        """Add a time that a client prefers. Days of one local time are kept together."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/clients/{client_id}/preferred-times", client_id=client_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            PreferredTimesView,
        )

    async def delete_preferred_time(
        self, client_id: UUID, time_id: str, *, if_match: Version | None = None
    ) -> None:
        """Delete a time that a client prefers, as it is shown."""
        await self._do(
            Call(
                method="DELETE",
                path=path_of(
                    "/v1/clients/{client_id}/preferred-times/{time_id}",
                    client_id=client_id,
                    time_id=time_id,
                ),
                headers={"If-Match": etag(if_match)},
            )
        )

    async def import_clients(
        self,
        content: Content,
        *,
        import_id: UUID | None = None,
        file_name: str | None = None,
        charset: str | None = None,
        delimiter: str | None = None,
        columns: str | None = None,
        unknown_columns: UnknownColumns | None = None,
        mode: Mode | None = None,
        key: list[Key] | None = None,
        tags: Tags | None = None,
        empty: Empty | None = None,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
        content_type: Literal[
            "text/csv",
            "text/tab-separated-values",
            "text/plain",
            "application/x-ndjson",
            "application/jsonl",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel",
            "application/gzip",
            "application/x-gzip",
            "application/zip",
            "application/x-zip-compressed",
            "application/octet-stream",
        ] = "text/csv",
    ) -> ImportView:
        """Import clients from a file, CSV, NDJSON or XLSX: a row registers its client, or changes it.

        Answers when all rows are in. Who names the import by `import_id` can watch it meanwhile.
        Some are taken at once; the others are answered 503 and may be sent again, as it is."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/imports"),
                query={
                    "import_id": import_id,
                    "file_name": file_name,
                    "charset": charset,
                    "delimiter": delimiter,
                    "columns": columns,
                    "unknown_columns": unknown_columns,
                    "mode": mode,
                    "key": key,
                    "tags": tags,
                    "empty": empty,
                    "dry_run": dry_run,
                },
                headers={"Idempotency-Key": idempotency_key},
                content=content,
                content_type=content_type,
            ),
            ImportView,
        )

    async def list_imports(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> ImportPage:
        """Show a page of imports, the newest first."""
        return await self._call(
            Call(
                method="GET", path=path_of("/v1/imports"), query={"limit": limit, "cursor": cursor}
            ),
            ImportPage,
        )

    async def get_import(self, import_id: UUID) -> ImportView:
        """Show an import: how far it is, or what came of it."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/imports/{import_id}", import_id=import_id)),
            ImportView,
        )

    async def delete_import(self, import_id: UUID) -> None:
        """Delete an import that has ended, with its rejections; its clients stay."""
        await self._do(
            Call(method="DELETE", path=path_of("/v1/imports/{import_id}", import_id=import_id))
        )

    async def list_rejections(
        self, import_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> RejectionPage:
        """Show a page of the rows that were not imported, each with its place and reason.

        Of very many only the first ones are kept; the import counts all of them by reason."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/imports/{import_id}/rejections", import_id=import_id),
                query={"limit": limit, "cursor": cursor},
            ),
            RejectionPage,
        )

    def export_rejections(
        self, import_id: UUID, *, format: ExportFormat | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Show the rows that were not imported as the file had them, behind the reason and the line.

        So they can be mended and imported again: an import passes those columns over. `reason_code`
        is for programs, with the limits that were not kept: `email: too_long 254`. A text that a
        spreadsheet would take for a formula has an apostrophe before it, which an import takes off."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/imports/{import_id}/rejections/export", import_id=import_id),
                query={"format": format},
            )
        )

    async def cancel_import(self, import_id: UUID) -> ImportView:
        """Cancel an import: no more of its rows are imported; those that are in stay in."""
        return await self._call(
            Call(
                method="POST", path=path_of("/v1/imports/{import_id}/cancel", import_id=import_id)
            ),
            ImportView,
        )

    async def create_mailing(
        self, body: NewMailing, *, idempotency_key: str | None = None
    ) -> SavedMailing:
        """Create a mailing: inside its window it starts at once, before it by itself when it begins.

        With an Idempotency-Key, a repeated request creates no second one. The answer says if
        occurrences may come due while the run before them is going on, and would not run."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            SavedMailing,
        )

    async def list_mailings(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        gateway: str | None = None,
        status: MailingStatus | None = None,
        ids: list[UUID] | None = None,
        cursor: str | None = None,
    ) -> MailingPage:
        """Show a page of the mailings that have all of what is asked for, the newest first."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings"),
                query={
                    "limit": limit,
                    "q": q,
                    "gateway": gateway,
                    "status": status,
                    "ids": ids,
                    "cursor": cursor,
                },
            ),
            MailingPage,
        )

    async def get_mailing(self, mailing_id: UUID) -> MailingView:
        """Show one mailing; its entity tag is what the next command may expect."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id)),
            MailingView,
        )

    async def change_mailing(
        self, mailing_id: UUID, body: MailingChanges, *, if_match: Version | None = None
    ) -> ChangedMailing:
        """Change what the body names, as a merge patch (RFC 7396).

        The answer says if the change does not hold for a run that is going on."""
        return await self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            ChangedMailing,
        )

    async def delete_mailing(self, mailing_id: UUID, *, if_match: Version | None = None) -> None:
        """Stop the mailing and show it no more; what was sent stays on record."""
        await self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/mailings/{mailing_id}", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
            )
        )

    async def start_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None
    ) -> MailingView:
        """Start the mailing now, whatever its start says; starting it twice is starting it once."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/start", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
            ),
            MailingView,
        )

    async def pause_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send nothing of the mailing until it is resumed."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/pause", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    async def resume_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send the mailing again."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/resume", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    async def stop_mailing(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: Moving | None = None
    ) -> MailingView:
        """Send nothing of the mailing any more, ever."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/stop", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            MailingView,
        )

    async def list_mailing_events(
        self, mailing_id: UUID, *, limit: int | None = None, cursor: str | None = None
    ) -> MailingEventPage:
        """Show a page of what happened to a mailing, the newest first, also of a deleted one.

        Each event has what it changed of the mailing, field by field, and which run it is about."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/mailings/{mailing_id}/events", mailing_id=mailing_id),
                query={"limit": limit, "cursor": cursor},
            ),
            MailingEventPage,
        )

    async def save_audience(
        self, body: NewAudience, *, idempotency_key: str | None = None
    ) -> SavedAudience:
        """Save a filter under a name. With an Idempotency-Key, a repeated request saves no second."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/audiences"),
                headers={"Idempotency-Key": idempotency_key},
                body=body,
            ),
            SavedAudience,
        )

    async def list_audiences(
        self, *, limit: int | None = None, name: str | None = None, cursor: str | None = None
    ) -> AudiencePage:
        """Show a page of audiences, the newest first."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/audiences"),
                query={"limit": limit, "name": name, "cursor": cursor},
            ),
            AudiencePage,
        )

    async def get_audience(self, audience_id: UUID) -> AudienceView:
        """Show one audience; its entity tag is what the next command may expect."""
        return await self._call(
            Call(
                method="GET", path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id)
            ),
            AudienceView,
        )

    async def change_audience(
        self, audience_id: UUID, body: AudienceChanges, *, if_match: Version | None = None
    ) -> SavedAudience:
        """Change what the body names, as a merge patch (RFC 7396); mailings that refer to it follow.

        A run that has begun keeps whom it began with."""
        return await self._call(
            Call(
                method="PATCH",
                path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            SavedAudience,
        )

    async def delete_audience(self, audience_id: UUID, *, if_match: Version | None = None) -> None:
        """Delete an audience that no mailing which may still run refers to."""
        await self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/audiences/{audience_id}", audience_id=audience_id),
                headers={"If-Match": etag(if_match)},
            )
        )

    async def begin_run(
        self, mailing_id: UUID, *, if_match: Version | None = None, body: NewRun | None = None
    ) -> BegunRun:
        """Begin a run by hand: of a recurring mailing one more, named by its nominal time.

        A mailing that runs once is started by it. The same run is begun once, however often it is
        asked for, also if it is an occurrence of the schedule that comes, or came, by itself."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/runs", mailing_id=mailing_id),
                headers={"If-Match": etag(if_match)},
                body=body,
            ),
            BegunRun,
        )

    async def preview_mailing(self, body: PreviewedMailing) -> MailingPreview:
        """Check a mailing as its creation would, show a message, and count. Creates nothing."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/mailings/preview"), body=body), MailingPreview
        )

    async def preview_saved_mailing(self, mailing_id: UUID, body: Recipient) -> MailingPreview:
        """Show a message of the mailing as it is now, and count whom it would go to."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/mailings/{mailing_id}/preview", mailing_id=mailing_id),
                body=body,
            ),
            MailingPreview,
        )

    async def list_gateways(
        self,
    ) -> GatewayPage:
        """Show the gateways that mailings may name."""
        return await self._call(Call(method="GET", path=path_of("/v1/gateways")), GatewayPage)

    async def suppress(self, body: NewSuppression) -> SuppressionView:
        """Write no more to a client or to a contact. Repeating it changes nothing."""
        return await self._call(
            Call(method="POST", path=path_of("/v1/suppressions"), body=body), SuppressionView
        )

    async def list_suppressions(
        self,
        *,
        limit: int | None = None,
        topic: str | None = None,
        reason: str | None = None,
        cursor: str | None = None,
        client_id: UUID | None = None,
        phone: str | None = None,
        email: str | None = None,
    ) -> SuppressionPage:
        """Show a page of what is suppressed, the newest first.

        Of a client and contacts that are named, any. Contacts without a client are also found where
        a client that has one of them is suppressed."""
        return await self._call(
            Call(
                method="GET",
                path=path_of("/v1/suppressions"),
                query={
                    "limit": limit,
                    "topic": topic,
                    "reason": reason,
                    "cursor": cursor,
                    "client_id": client_id,
                    "phone": phone,
                    "email": email,
                },
            ),
            SuppressionPage,
        )

    async def list_suppressed_clients(
        self, *, ids: list[UUID] | None = None
    ) -> SuppressedClientPage:
        """Show which of some clients are suppressed, themselves or a contact that they have now."""
        return await self._call(
            Call(method="GET", path=path_of("/v1/suppressions/clients"), query={"ids": ids}),
            SuppressedClientPage,
        )

    async def lift_suppression(self, subject: str, *, topic: str | None = None) -> None:
        """Write again to a client or a contact: of one topic, or of whatever was suppressed."""
        await self._do(
            Call(
                method="DELETE",
                path=path_of("/v1/suppressions/{subject}", subject=subject),
                query={"topic": topic},
            )
        )

    def export_suppressions(
        self,
        *,
        format: ExportFormat | None = None,
        topic: str | None = None,
        reason: str | None = None,
        client_id: UUID | None = None,
        phone: str | None = None,
        email: str | None = None,
        cursor: str | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Show each suppression that the list has with these filters, the newest first.

        What broke off goes on behind the last whole line, by its cursor: base64url of
        "since,subject,topic", where no topic is an empty one. An import takes it as it is."""
        return self._stream(
            Call(
                method="GET",
                path=path_of("/v1/suppressions/export"),
                query={
                    "format": format,
                    "topic": topic,
                    "reason": reason,
                    "client_id": client_id,
                    "phone": phone,
                    "email": email,
                    "cursor": cursor,
                },
            )
        )

    async def import_suppressions(
        self,
        content: Content,
        *,
        topic: str | None = None,
        reason: SuppressedReason | None = None,
        source: str | None = None,
        content_type: Literal["application/x-ndjson", "text/csv"] = "application/x-ndjson",
    ) -> ImportedSuppressions:
        """Suppress each phone, e-mail or client's identifier of a file: the first cell of each line.

        What an export has written, CSV or NDJSON, is taken as it is: a contact by its hash, if the
        catalog has the key of it, with topic, reason, source and time.
        What was read before the file broke off is suppressed; sending it again does the rest."""
        return await self._call(
            Call(
                method="POST",
                path=path_of("/v1/suppressions/import"),
                query={"topic": topic, "reason": reason, "source": source},
                content=content,
                content_type=content_type,
            ),
            ImportedSuppressions,
        )
