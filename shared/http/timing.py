"""Times in bodies: by whose clock messages are due, and at which hours not."""

from typing import Annotated, TypeAlias

from pydantic import Field

from shared.contracts.timing import AlreadyPassed, Clock, NoZone, Otherwise
from shared.http.bodies import Body, View
from shared.http.schedules import At

KIND = """recipient_local: at the local time on each client's own clock; preferred_times: at the
next time that the client prefers."""
ZONE = "The mailing's; none: that of its schedule."
AT = """The local time: of a mailing that runs once with its date, or the time of day alone, which
is then the first that no clock on earth has shown when a run begins. None: that of the
occurrence, or of the run's start."""
PASSED = "Of a client where the local time was over before the run began."
NO_ZONE = "Of a client of whom no zone is known."
OTHERWISE = "Of preferred times: when those get it who prefer none inside the window."

PolicyZone: TypeAlias = Annotated[
    str | None, Field(max_length=100, description=ZONE, examples=["Europe/Moscow"])
]
PolicyAt: TypeAlias = Annotated[
    str | None,
    Field(
        pattern=r"^(\d{4}-\d\d-\d\dT)?([01]\d|2[0-3]):[0-5]\d$", description=AT, examples=[None]
    ),
]


class TimePolicyBody(Body):
    """When each client gets its message."""

    kind: Clock = Field(description=KIND, examples=["recipient_local"])
    zone: PolicyZone = None
    at: PolicyAt = None
    already_passed: AlreadyPassed = Field(AlreadyPassed.SEND_NOW, description=PASSED)
    no_zone: NoZone = Field(NoZone.MAILING_ZONE, description=NO_ZONE)
    otherwise: Otherwise = Field(Otherwise.MAILING_ZONE, description=OTHERWISE)


class TimePolicyChanges(Body):
    """A part of a policy: what it does not name stays, null is the default."""

    kind: Clock | None = Field(None, description=KIND, examples=["recipient_local"])
    zone: PolicyZone = None
    at: PolicyAt = None
    already_passed: AlreadyPassed | None = Field(None, description=PASSED)
    no_zone: NoZone | None = Field(None, description=NO_ZONE)
    otherwise: Otherwise | None = Field(None, description=OTHERWISE)


class QuietHoursBody(Body):
    """Hours on each client's clock at which nothing begins; none if both are equal."""

    begins: At
    ends: At


class TimePolicyView(View):
    """When each client gets its message, of any release, also one that knows more than this."""

    kind: str = Field(examples=["recipient_local"])
    zone: str | None = Field(None, examples=["Europe/Moscow"])
    at: str | None = Field(None, examples=[None])
    already_passed: str = Field(AlreadyPassed.SEND_NOW, examples=["send_now"])
    no_zone: str = Field(NoZone.MAILING_ZONE, examples=["mailing_zone"])
    otherwise: str = Field(Otherwise.MAILING_ZONE, examples=["mailing_zone"])


class QuietHoursView(View):
    """Hours on each client's clock at which nothing begins; none if both are equal."""

    begins: str = Field(examples=["21:00"])
    ends: str = Field(examples=["09:00"])
