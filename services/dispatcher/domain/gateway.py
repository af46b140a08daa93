"""A gateway: what may be asked of it, and what follows.

Its description is opaque here: whether it makes sense is checked where it comes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from typing import Any, Literal, NamedTuple, TypeAlias, get_args
from uuid import UUID

from shared import ids
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.decider import Decider
from shared.errors import Conflict, Invalid, NotFound
from shared.event import Instant


class GatewayVersion(NamedTuple):
    """The version of its gateway's description that a sender sends by."""

    id: int | None = None  # None: there is only one, of which nothing is known
    is_current: bool = True  # messages that certainly did not arrive go by it


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeGateway:
    """Let there be such a gateway: make it, or change the one of this name."""

    name: str
    kind: str
    contact: Literal["phone", "email"] | None
    description: Mapping[str, Any]
    now: Instant
    only_new: bool = False  # not if there ever was one of this name


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseGateway:
    """Let nothing go to it."""

    name: str
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeGateway:
    """Let messages go to it again."""

    name: str
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGateway:
    """Let there be no such gateway any more."""

    name: str
    is_used: bool  # by a run that has not ended
    now: Instant


GatewayCommand: TypeAlias = DescribeGateway | PauseGateway | ResumeGateway | RemoveGateway
GatewayEvent: TypeAlias = GatewayDescribed | GatewayPaused | GatewayResumed | GatewayRemoved


# State


class Status(StrEnum):
    """Where a gateway is in its life."""

    ABSENT = auto()
    ACTIVE = auto()
    PAUSED = auto()
    REMOVED = auto()


@dataclass(frozen=True, slots=True)
class Gateway:
    """All that `decide` needs to know; nothing more."""

    status: Status = Status.ABSENT
    description: Mapping[str, Any] = field(default_factory=dict)


def evolve(gateway: Gateway, event: GatewayEvent) -> Gateway:
    """Apply what happened. Never fails: history is not negotiable."""
    match event:
        case GatewayDescribed():
            is_paused = gateway.status is Status.PAUSED
            return Gateway(Status.PAUSED if is_paused else Status.ACTIVE, event.description)
        case GatewayPaused():
            return replace(gateway, status=Status.PAUSED)
        case GatewayResumed():
            return replace(gateway, status=Status.ACTIVE)
        case GatewayRemoved():
            return Gateway(Status.REMOVED)


def decide(command: GatewayCommand, gateway: Gateway) -> list[GatewayEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    same: dict[str, Any] = {"gateway_id": gateway_id(command.name), "name": command.name}
    match command, gateway.status:
        case DescribeGateway() as c, status:
            if c.only_new and status is not Status.ABSENT:
                return []
            if status in (Status.ACTIVE, Status.PAUSED) and c.description == gateway.description:
                return []
            described = GatewayDescribed(
                **same,
                kind=c.kind,
                contact=c.contact,
                description=dict(c.description),
                described_at=c.now,
            )
            return [described]
        case _, Status.ABSENT:
            raise GatewayUnknown
        case RemoveGateway(), Status.REMOVED:
            return []
        case _, Status.REMOVED:
            raise GatewayUnknown
        case RemoveGateway(is_used=True), _:
            raise GatewayInUse
        case RemoveGateway() as c, _:
            return [GatewayRemoved(**same, removed_at=c.now)]
        case PauseGateway() as c, Status.ACTIVE:
            return [GatewayPaused(**same, paused_at=c.now)]
        case ResumeGateway() as c, Status.PAUSED:
            return [GatewayResumed(**same, resumed_at=c.now)]
        case _:
            return []


def instant_of(event: GatewayEvent) -> Instant:
    """Return when it happened."""
    match event:
        case GatewayDescribed():
            return event.described_at
        case GatewayPaused():
            return event.paused_at
        case GatewayResumed():
            return event.resumed_at
        case GatewayRemoved():
            return event.removed_at


def gateway_id(name: str) -> UUID:
    """Return the identifier of the gateway of this name: always the same one."""
    return ids.keyed_id("gateways", name)


def stream(name: str) -> str:
    """Return the name of the stream of the gateway of this name."""
    return f"gateway-{gateway_id(name)}"


# Refusals


class GatewayUnknown(NotFound):
    """No gateway has this name."""


class GatewayInvalid(Invalid):
    """A gateway cannot be like this."""


class GatewayInUse(Conflict):
    """A run that has not ended sends through this gateway; stop its mailing, or wait."""


gateway = Decider(initial=Gateway(), evolve=evolve, decide=decide, events=get_args(GatewayEvent))
