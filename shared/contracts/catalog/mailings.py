"""What the catalog publishes of mailings."""

from enum import StrEnum, auto
from typing import Annotated, Any, ClassVar, TypeAlias
from uuid import UUID

import msgspec

from shared.contracts.audience import Condition
from shared.contracts.catalog.clients import CLIENTS
from shared.contracts.catalog.suppressions import SUPPRESSIONS
from shared.contracts.schedule import Schedule
from shared.contracts.timing import LocalTime, QuietHours, TimePolicy
from shared.event import Event, Instant
from shared.topic import Topic

# A mailing must not be read before the clients that were there when it was created, nor before
# whoever of them did not want it then.
MAILINGS = Topic("catalog.mailings", is_ordered=True, waits_for=(CLIENTS, SUPPRESSIONS))


# The name of a gateway. Events don't restrict which there are: old ones stay readable.
GatewayKey: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}\Z")]


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom a mailing is for: clients with any of the codes and any of the tags, none: whichever.

    Of them those that `include` is true for, and `exclude` is not.
    """

    # Empty ones are written as well: what has been read so far is written again byte for byte.
    operator_codes: tuple[str, ...] = msgspec.field(default_factory=lambda: ())
    tags: tuple[str, ...] = msgspec.field(default_factory=lambda: ())
    include: Condition | None = None
    exclude: Condition | None = None
    one_per_contact: bool = False  # of several clients with one phone, or e-mail, one


class Priority(StrEnum):
    """Which of the mailings that share a gateway go first."""

    BULK = auto()
    NORMAL = auto()
    URGENT = auto()


class MessageClass(StrEnum):
    """What the messages of a mailing are for people, by which they are held back or not."""

    MARKETING = auto()
    TRANSACTIONAL = auto()  # what they did makes it due, such as an order
    CRITICAL = auto()  # they need it now, at any hour


class OnUnknown(StrEnum):
    """What a mailing prefers where nobody can know whether a message has arrived."""

    PREFER_DELIVERY = auto()  # to send it once more: it may come twice
    PREFER_SILENCE = auto()  # to leave it: it may never have come


class MailingContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailing sends, to whom, when and through which gateway."""

    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant  # nothing is handed over then or later
    gateway: GatewayKey
    html: str | None = None  # beside the text, where mails are sent
    sender: str | None = None  # NAME <ADDRESS>, or an address; None: the gateway's own

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, as an event has them among its own."""
        return msgspec.structs.asdict(self)


def content_of(source: object) -> MailingContent:
    """Return the content of an event, or of a plan, that has its fields among its own."""
    names = MailingContent.__struct_fields__
    return MailingContent(**{name: getattr(source, name) for name in names})


class MailingState(Event, frozen=True, kw_only=True):
    """The content of a mailing: its text, for whom, when and through what."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant  # nothing is handed over then or later
    gateway: GatewayKey
    html: str | None = None
    sender: str | None = None
    priority: str = Priority.NORMAL  # readers take what they don't know as normal
    max_attempts: int | None = None  # of each message, that count; none: the window decides
    on_unknown: str | None = None  # of OnUnknown; none: as its gateway has it
    schedule: Schedule | None = None  # None: it runs once
    audience_id: UUID | None = None  # that the filter is of; None: it is the mailing's own
    message_class: str = MessageClass.MARKETING  # readers take what they don't know as that
    mailing_topic: str | None = None  # by which clients can refuse it; none: no particular one
    time_policy: TimePolicy | None = None  # None: all messages are due when a run begins
    quiet_hours: QuietHours | None = None  # None: as the platform has it


class MailingCreated(MailingState, frozen=True, kw_only=True, omit_defaults=True):
    """A mailing exists and waits for its start."""

    topic: ClassVar = MAILINGS

    created_at: Instant


class MailingChanged(MailingState, frozen=True, kw_only=True, omit_defaults=True):
    """The mailing is another one from now on; a run that has begun keeps what it began with."""

    topic: ClassVar = MAILINGS

    changed_at: Instant


class MailingRunRequested(Event, frozen=True, kw_only=True):
    """Somebody starts the mailing by hand: its window begins now."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    requested_at: Instant


class MailingPaused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing of the mailing is sent until it is resumed."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    paused_at: Instant
    by: str | None = None  # as they name themselves; none: they did not


class MailingResumed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The mailing may be sent again."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    resumed_at: Instant
    by: str | None = None  # as they name themselves; none: they did not


class MailingStopped(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing of the mailing is sent any more, ever."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    stopped_at: Instant
    by: str | None = None  # as they name themselves; none: they did not


class MailingDeleted(Event, frozen=True, kw_only=True):
    """The mailing is gone; what was sent of it stays on record."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    deleted_at: Instant


class RunBegun(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A run begins with this content, which no later edit changes. At most once per run."""

    topic: ClassVar = MAILINGS

    run_id: UUID
    mailing_id: UUID
    nominal: str  # the time that names the occurrence
    revision: int  # the mailing's version that is sent
    is_last: bool  # no other occurrence follows
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant
    gateway: GatewayKey
    proposed_at: Instant  # names the scheduler's proposal
    begun_at: Instant  # clients that were registered before it are in the run
    html: str | None = None
    sender: str | None = None
    max_attempts: int | None = None  # of each message, that count; none: the window decides
    on_unknown: str | None = None  # of OnUnknown; none: as its gateway has it
    priority: str = Priority.NORMAL  # readers take what they don't know as normal
    is_by_hand: bool = False  # of a recurring mailing: beside its occurrences
    message_class: str = MessageClass.MARKETING  # readers take what they don't know as that
    mailing_topic: str | None = None  # by which clients can refuse it; none: no particular one
    time_policy: TimePolicy | None = None  # None: all messages are due at starts_at
    local_time: LocalTime | None = None  # of the run, and its mailing's zone
    quiet_hours: QuietHours | None = None  # None: as the platform has it


class DeclinedReason(StrEnum):
    """Why a proposed run does not begin."""

    POSTPONED = auto()  # the mailing has another window than the one proposed
    STOPPED = auto()
    DELETED = auto()
    ALREADY_BEGUN = auto()
    WINDOW_OVER = auto()
    OVERLAP = auto()  # a run before it is going on


class RunDeclined(Event, frozen=True, kw_only=True):
    """A run that the scheduler proposed does not begin.

    The window is the mailing's now; of a recurring mailing it is that of the run.
    """

    topic: ClassVar = MAILINGS

    run_id: UUID
    mailing_id: UUID
    nominal: str
    reason: DeclinedReason
    starts_at: Instant
    ends_at: Instant
    proposed_at: Instant  # names the scheduler's proposal
    declined_at: Instant
