"""Gateways: commands to them, and the senders that this process has for them.

What is described in the database is compared with what runs: so a change takes effect in every
dispatcher, whichever of them took the command.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from socket import gethostname
from typing import TYPE_CHECKING, Protocol

import structlog
from msgspec.structs import replace
from pydantic import ValidationError

from services.dispatcher.domain.attempt import Limits, RetryPolicy
from services.dispatcher.domain.gateway import (
    DescribeGateway,
    GatewayCommand,
    GatewayEvent,
    GatewayInvalid,
    GatewayVersion,
    gateway,
    instant_of,
    stream,
)
from services.dispatcher.domain.rate import Rate
from services.dispatcher.gateways import Gateway, policy_for
from services.dispatcher.gateways.addresses import AddressRefused
from services.dispatcher.gateways.build import Misconfigured, secrets_of
from services.dispatcher.gateways.description import (
    LONGEST_NAME,
    NAME,
    Described,
    channel_of,
    check_destination,
    read,
    written,
)
from services.dispatcher.handlers.measuring import watch
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import gateways as queue
from services.dispatcher.queue.gateways import Version
from shared import ids
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.decider import Known
from shared.errors import FieldError
from shared.event import Instant, Received
from shared.event_store import Append, EventStore, execute
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.snapshots import load_states
from shared.unsubscribe import Links

if TYPE_CHECKING:
    from services.dispatcher.domain.contact import Channel

log = structlog.get_logger()


class Build(Protocol):
    """Makes what sends from a description, as `gateways.build`."""

    def __call__(self, name: str, described: Described, /, *, allows_private: bool) -> Gateway:
        """Raise `Misconfigured` if that cannot be."""
        ...


SLACK_S = 2.0  # between a request's deadline and the end of its lease: to record it


async def handle(
    store: EventStore, command: GatewayCommand, *, expected: Collection[int] | None = None
) -> int:
    """Carry out a command; return the version of the gateway afterwards."""
    return await execute(store, gateway, stream(command.name), command, expected=expected)


def describing(
    name: str,
    description: Described,
    now: Instant,
    *,
    only_new: bool = False,
    allows_private: bool = True,
) -> DescribeGateway:
    """Return the command that lets a gateway be as described.

    Raises:
        GatewayInvalid: No gateway can have this name, or this address.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        detail = f"up to {LONGEST_NAME} letters a-z, digits and single hyphens, as in sms-backup"
        raise GatewayInvalid(FieldError("/name", "name", detail))
    try:
        check_destination(description, allows_private=allows_private)
    except AddressRefused as error:
        raise GatewayInvalid(FieldError("/url", "address_refused", str(error))) from None
    return DescribeGateway(
        name=name,
        kind=description.kind,
        contact=channel_of(description).contact,
        description=written(description),
        now=now,
        only_new=only_new,
    )


async def adopt_gateways(
    store: PostgresEventStore, db: Connection, received: Sequence[Received[GatewayEvent]]
) -> None:
    """Append what the log has of gateways beyond their streams; so it is published once more."""
    for each in received:
        name = stream(each.event.name)
        known = (await load_states(db, [name], gateway)).get(name, Known(gateway.initial, 0))
        if each.version > known.version:
            append = Append(name, [each.event], known.version)
            await store.append_in(db, [append], now=instant_of(each.event))


async def inherit(
    store: EventStore, described: Mapping[str, Described], now: Instant
) -> list[str]:
    """Make the gateways that settings describe, but for those that there ever were.

    Return the names of those that are different now: their settings have no effect.
    """
    different = []
    for name, description in described.items():
        command = describing(name, description, now, only_new=True)
        await handle(store, command)
        history = await store.load(stream(name), gateway.events)
        if gateway.replay(history).description != command.description:
            different.append(name)
    return different


@dataclass(slots=True)
class Changes:
    """What has changed of the senders of this process."""

    started: list[Sender] = field(default_factory=list)
    retired: list[Sender] = field(default_factory=list)


@dataclass(slots=True)
class _Running:
    version: Version
    sender: Sender
    secrets: tuple[str, ...]

    def is_as(self, version: Version, secrets: tuple[str, ...]) -> bool:
        """Return whether the sender is as its version and the secrets are now."""
        same = version.problem, version.is_pinned  # whatever these are
        before = self.version._replace(problem=same[0], is_pinned=same[1])
        return before == version and self.secrets == secrets


class Senders:
    """The senders of this process: one for each version of a gateway that is needed.

    `channels` and `policies` are those of gateways by name, as they are now.
    """

    def __init__(  # noqa: PLR0913 - what senders are made with
        self,
        pool: Pool,
        limits: Limits,
        build: Build,
        *,
        packs: bool,
        traced_one_in: int,
        allows_private: bool = True,
        links: Links | None = None,
        host: str | None = None,
    ) -> None:
        """`allows_private`: whether gateways may be in a private network.

        `links`: to unsubscribe; None: messages have none.
        `host`: as it is shown; None: as the machine, or container, calls itself.
        """
        self._links = links
        self.allows_private = allows_private
        self._pool = pool
        self._limits = limits
        self._build = build
        self._packs = packs
        self._traced_one_in = traced_one_in
        self._running: dict[int, _Running] = {}
        self._problems: dict[str, str] = {}
        self._replica_id = ids.new_id()
        self._host = host or gethostname()
        self.channels: dict[str, Channel] = {}
        self.policies: dict[str, RetryPolicy] = {}
        self.has_old = False  # versions that may not be needed any more soon

    def current(self) -> dict[str, Sender]:
        """Return by name the senders that new messages go through."""
        return {
            each.version.name: each.sender
            for each in self._running.values()
            if each.version.is_current
        }

    async def refresh(self) -> Changes:
        """Make the senders what the database says, and return what the caller has to do.

        It runs those that are started, and stops those that are retired.
        """
        async with transaction(self._pool) as db:
            if self.has_old:
                await queue.forget_versions(db)
            versions = await queue.versions(db, self._replica_id)
        crash_point("dispatcher.gateways.read")
        self.has_old = not all(each.is_current for each in versions)
        changes = Changes()
        wanted = {each.version_id: each for each in versions if each.is_current or each.is_pinned}
        for version_id in self._running.keys() - wanted.keys():
            changes.retired.append(self._running.pop(version_id).sender)
        for each in wanted.values():
            await self._ensure(each, changes)
        gone = self.channels.keys() - {each.name for each in versions if each.is_current}
        for name in gone:
            del self.channels[name], self.policies[name]
        crash_point("dispatcher.gateways.replaced", when=changes.retired)
        return changes

    async def _ensure(self, version: Version, changes: Changes) -> None:
        """Let there be a sender for a version as it is now."""
        running = self._running.get(version.version_id)
        problem: str | None = None
        fresh: _Running | None = None
        try:
            description = read(dict(version.description))
            secrets = secrets_of(description)
            if running is not None and running.is_as(version, secrets):
                return
            fresh = _Running(version, self._sender(version, description), secrets)
        except (Misconfigured, ValidationError) as error:
            problem = str(error)
        if running is not None:
            del self._running[version.version_id]
            changes.retired.append(running.sender)
        if fresh is not None:
            self._running[version.version_id] = fresh
            changes.started.append(fresh.sender)
        if version.is_current:
            await self._note(version, problem)

    def _sender(self, version: Version, description: Described) -> Sender:
        limits = replace(
            self._limits,
            timeout_s=description.timeout_s,
            lease_s=max(self._limits.lease_s, description.timeout_s + SLACK_S),
            rate=None
            if description.rate is None
            else Rate(description.rate, description.burst or 1),
        )
        sender = Sender(
            self._pool,
            self._build(version.name, description, allows_private=self.allows_private),
            limits,
            GatewayVersion(version.version_id, version.is_current),
            packs=self._packs,
            traced_one_in=self._traced_one_in,
            links=self._links,
        )
        if version.is_current:
            self.channels[version.name] = sender.gateway.channel
            self.policies[version.name] = policy_for(sender.gateway, limits)
            watch(sender, limits.rate)
        return sender

    async def _note(self, version: Version, problem: str | None) -> None:
        """Note what keeps this process from using a gateway, where others can read it.

        What is there is compared, not what was noted before: a new description forgets it, and it
        is forgotten in time if it is not noted again.
        """
        name = version.name
        known = self._problems.pop(name, None)
        if problem is not None:
            self._problems[name] = problem
        if problem is None and known is not None:
            log.info("dispatcher.gateway_usable", gateway=name)
        elif problem != known:
            log.error("dispatcher.gateway_misconfigured", gateway=name, reason=problem)
        if problem != version.problem:
            async with autocommit(self._pool) as db:
                await queue.note_problem(db, name, self._replica_id, self._host, problem)
