"""What is on record after a chaos run: in the gateways, in the dispatcher, in statistics."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Request:
    """A line of a gateway's own ledger."""

    at_ms: int
    key: str  # of the message; nothing if the gateway refused before it knew
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class Gateway:
    """A sandbox and its ledger; `process` is the part that faults name."""

    process: str
    is_idempotent: bool
    requests: Sequence[Request]


@dataclass(frozen=True, slots=True)
class Run:
    run_id: UUID
    mailing_id: UUID
    gateway: str
    starts_at_ms: int
    ends_at_ms: int
    resent_from: UUID | None = None  # it sends again what did not arrive of that run
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Mailing:
    """What was asked for."""

    clients: int
    ends_at_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    run_id: UUID
    client_id: UUID
    status: str

    @property
    def key(self) -> str:
        """What a gateway knows it by: the documented form of a message's identifier."""
        return urlsafe_b64encode(self.run_id.bytes + self.client_id.bytes)[:43].decode()


@dataclass(frozen=True, slots=True)
class Attempt:
    run_id: UUID
    client_id: UUID
    number: int
    kind: str
    outcome: str | None
    started_at_ms: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to a process while a run was sending."""

    kind: str  # kill, stop, restart; cut, stall, delay
    target: str  # a part: `dispatcher.2`; or a link: `dispatcher-postgres`
    at_ms: int
    until_ms: int
    in_flight: int  # requests of all dispatchers


@dataclass(frozen=True, slots=True)
class Sample:
    """How things looked at one moment."""

    at_ms: int
    lag_s: float | None  # of statistics; none: nobody answered
    is_sending: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """What statistics say of a run."""

    by_status: Mapping[str, int]
    attempts: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. `missed` has those that never began, by what the catalog says."""

    expected: Mapping[UUID, Mailing]
    missed: Mapping[UUID, int]  # milliseconds: when it was decided
    gateways: Mapping[str, Gateway]
    runs: Sequence[Run]
    messages: Sequence[Message]
    attempts: Sequence[Attempt]
    statistics: Mapping[UUID, Figures]
    rebuilt: Mapping[UUID, Figures]
    connections: int  # of all dispatchers to all gateways
    seed: int
    faults: Sequence[Fault] = field(default=())
    ended: Sequence[str] = field(default=())  # processes, by themselves
    samples: Sequence[Sample] = field(default=())
