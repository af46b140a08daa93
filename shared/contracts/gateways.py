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
