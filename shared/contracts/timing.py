"""When the messages of a run are due, on whose clock, and at which hours not."""

from enum import StrEnum, auto
from typing import Annotated, TypeAlias

import msgspec

TimeOfDay: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z")]
# A local time in a zone of IANA, as 2026-03-01T09:00[Europe/Moscow].
LocalTime: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d\[[A-Za-z0-9_+/-]{1,100}\]\Z")
]


class Clock(StrEnum):
    """By which clock a message is due, where it is not at once when its run begins."""

    RECIPIENT_LOCAL = auto()  # at the run's local time, on the clock where the client is
    PREFERRED_TIMES = auto()  # at the next time that the client prefers


class AlreadyPassed(StrEnum):
    """What becomes of a client where the local time was over before the run began."""

    SEND_NOW = auto()
    SKIP = auto()
    NEXT_DAY_IF_INSIDE_WINDOW = auto()  # else it is skipped


class NoZone(StrEnum):
    """What becomes of a client of whom no zone is known."""

    MAILING_ZONE = auto()  # its clock is taken to be the mailing's
    SKIP = auto()


class Otherwise(StrEnum):
    """When a client gets it that prefers no time inside the window."""

    MAILING_ZONE = auto()  # when the run begins
    RECIPIENT_LOCAL = auto()


class TimePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When each client gets its message; none: all of them when the run begins."""

    kind: Clock
    zone: str | None = None  # the mailing's, of IANA; none: that of its schedule
    # The local time, as 2026-03-01T09:00; or as 09:00, which is the first that no clock on earth
    # has shown when a run begins. None: that of the occurrence, or of the run's start.
    at: str | None = None
    already_passed: AlreadyPassed = AlreadyPassed.SEND_NOW
    no_zone: NoZone = NoZone.MAILING_ZONE
    otherwise: Otherwise = Otherwise.MAILING_ZONE  # of preferred times


class QuietHours(msgspec.Struct, frozen=True, kw_only=True):
    """The hours on a client's clock at which nothing begins, `[begins, ends)`; none if equal."""

    begins: TimeOfDay
    ends: TimeOfDay
