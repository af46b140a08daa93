"""An event, and the envelopes in which it is recorded and received."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast
from uuid import UUID

import msgspec
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from shared import cloudevents
from shared.topic import Topic


def finite(instant: datetime) -> datetime:
    """Return the first or last instant of time where the driver returns PostgreSQL's infinities.

    It stores those instants as infinities, and returns these without a zone.
    """
    is_infinite = instant.tzinfo is None and instant in (datetime.min, datetime.max)  # noqa: DTZ901 - so asyncpg returns them
    return instant.replace(tzinfo=UTC) if is_infinite else instant


def _finite(value: object) -> object:
    return finite(value) if isinstance(value, datetime) else value


def _in_utc(instant: datetime) -> datetime:
    """Return an instant of a request if it is one in UTC as well, which PostgreSQL keeps.

    Raises:
        ValueError: Its year there is none from 1 to 9999.
    """
    try:
        instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is beyond the years 1 to 9999 in UTC") from None
    return instant


# Aware, for both that read it: msgspec from the log, pydantic from a request or a row.
Instant: TypeAlias = Annotated[
    datetime,
    msgspec.Meta(tz=True),
    AwareDatetime,
    BeforeValidator(_finite),
    AfterValidator(_in_utc),
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_at(microseconds: int) -> Instant:
    """Return the instant so many microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


_encoder = msgspec.json.Encoder()


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):  # holds no cycles
    """A fact, named in the past tense. Never changed once appended.

    Writing is strict: a field that we do not know is our mistake. Reading is lenient: it comes
    from a newer producer, which must not stop us during a rolling upgrade.
    """

    topic: ClassVar[Topic | None] = None  # None: private, it never leaves its service
    type_version: ClassVar[int] = 1
    is_last_of_key: ClassVar[bool] = False  # a tombstone follows it on a compacted topic
    packs: ClassVar[tuple[type["Event"], ...]] = ()  # the kinds that `unpack` gives

    @classmethod
    @cache
    def type_name(cls) -> str:
        """Return the name that is stored and sent, as in `MailingPaused.v1`."""
        return f"{cls.__name__}.v{cls.type_version}"

    @classmethod
    def read(cls, data: str | bytes) -> Self:
        """Return the event that was written as the JSON `data`, by whatever release.

        Raises:
            msgspec.MsgspecError: It is no such event.
        """
        return cast("Self", _decoder(cls).decode(data))

    @classmethod
    def from_tombstone(cls, key: str) -> Self:  # noqa: ARG003 - kinds that have one override it
        """Return the event that a tombstone of `key` stands for.

        Raises:
            msgspec.MsgspecError: Nothing of this kind is followed by a tombstone.
        """
        raise msgspec.ValidationError(f"no {cls.__name__} has a tombstone")

    @classmethod
    def of_tombstone(cls, key: str, written: bytes | None) -> Self:
        """Return the event that a tombstone of `key` stands for, of which `written` may say more.

        Raises:
            msgspec.MsgspecError: It is none, or nothing of this kind is followed by a tombstone.
        """
        from_key = cls.from_tombstone(key)
        return from_key if written is None else cls.read(written)

    def unpack(self) -> Iterator[tuple[str, int, "Event"]]:
        """Yield the events that this one stands for, in order: key, version and event of each."""
        return iter(())

    def json(self) -> bytes:
        """Return the event as it is stored and sent."""
        return _encoder.encode(self)


E = TypeVar("E", bound=Event)


@cache
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@dataclass(frozen=True, slots=True)
class Cause:
    """The cause of an event: the event that it follows from, or a person's request."""

    event_id: UUID | None = None
    correlation_id: UUID | None = None  # the event that began the story
    traceparent: str | None = None  # Source: W3C Trace Context, the creation context


class Recorded(msgspec.Struct, Generic[E], frozen=True, kw_only=True, gc=False):
    """An event together with where, when and why it was recorded."""

    id: UUID
    stream: str
    version: int  # of the stream, with this event in it; the first is 1
    recorded_at: Instant
    correlation_id: UUID
    causation_id: UUID | None  # None: a person's request
    traceparent: str | None
    event: E

    @property
    def key(self) -> str:
        """Return the aggregate's identifier: records of one key stay in order.

        An aggregate may have several streams: what follows its identifier tells them apart.
        """
        return self.stream.partition("-")[2].partition("/")[0]


class Received(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """An event as it came from Kafka. Its headers are read when they are first needed."""

    event: E
    key: str
    headers: dict[str, bytes]

    @property
    def version(self) -> int:
        """Return the version of the aggregate; on bulk topics it stands in the event instead."""
        return cloudevents.version(self.headers)

    @property
    def traceparent(self) -> str | None:
        """Return the trace in which the event was recorded; None if none is named that is one."""
        return cloudevents.traceparent(self.headers)

    @property
    def cause(self) -> Cause:
        """Return what an answer to this event names as its cause."""
        return Cause(
            cloudevents.identifier(self.headers, cloudevents.ID),
            cloudevents.identifier(self.headers, cloudevents.CORRELATION),
            self.traceparent,
        )
