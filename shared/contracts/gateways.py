"""What the dispatcher publishes of gateways: descriptions, which hold no secret."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.event import Event, Instant
from shared.topic import Topic

GATEWAYS = Topic("dispatcher.gateways", is_ordered=True)


class GatewayDescribed(Event, frozen=True, kw_only=True):
    """A gateway is there, or is another from now on: mailings may name it."""

    topic: ClassVar = GATEWAYS

    gateway_id: UUID  # follows from the name
    name: str
    kind: str  # http, smtp or log; there may be more
    contact: Literal["phone", "email"] | None  # what it needs of a client
    description: dict[str, Any]  # as /v1/gateways takes it
    described_at: Instant


class GatewayPaused(Event, frozen=True, kw_only=True):
    """Nothing goes to the gateway until it is resumed."""

    topic: ClassVar = GATEWAYS

    gateway_id: UUID
    name: str
    paused_at: Instant


class GatewayResumed(Event, frozen=True, kw_only=True):
    """Messages go to the gateway again."""

    topic: ClassVar = GATEWAYS

    gateway_id: UUID
    name: str
    resumed_at: Instant


class GatewayRemoved(Event, frozen=True, kw_only=True):
    """There is no such gateway any more; another one may get its name."""

    topic: ClassVar = GATEWAYS

    gateway_id: UUID
    name: str
    removed_at: Instant


class GatewayBreakerOpened(Event, frozen=True, kw_only=True):
    """The gateway fails: nothing but probes goes to it, and until the next one not even these.

    It comes again each time that probes failed. The breaker's events have a key of their own: they
    are no versions of the gateway.
    """

    topic: ClassVar = GATEWAYS

    breaker_id: UUID  # follows from the name
    gateway_id: UUID
    name: str
    cause: str  # fault, unreachable, failures or probes; there may be more
    reason: str | None  # of the last answer that failed
    opened_at: Instant
    next_probe_at: Instant


class GatewayBreakerClosed(Event, frozen=True, kw_only=True):
    """The gateway works again: all messages go to it."""

    topic: ClassVar = GATEWAYS

    breaker_id: UUID
    gateway_id: UUID
    name: str
    reason: str | None  # what it had opened for last
    closed_at: Instant
