"""An attempt: one try to hand a message over, and when the next one may follow it."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.breaker import OpenFor
from services.dispatcher.domain.cap import NO_CAPS, Caps
from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.due import Quiet
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.domain.rate import Rate
from shared.contracts.catalog import OnUnknown
from shared.contracts.dispatcher import AttemptKind
from shared.event import Instant


class Limits(msgspec.Struct, frozen=True):
    """How long things may take and what follows failures, in seconds."""

    timeout_s: float  # of a request, connecting included
    lease_s: float
    backoff_base_s: float
    backoff_cap_s: float
    # Controls older than this are stale: nothing starts on them. So a pause is obeyed within a
    # second, even if the next read of them hangs.
    controls_ttl_s: float = 0.7
    open_for: OpenFor = OpenFor()  # a gateway's breaker
    rate: Rate | None = (
        None  # of a gateway, by all dispatchers together; none: as fast as it takes
    )
    caps: Caps = NO_CAPS  # of how many messages a client may get


class Retrying(msgspec.Struct, frozen=True):
    """What a mailing says of its retries."""

    max_attempts: int | None = None  # counted ones; None: the window decides
    on_unknown: OnUnknown | None = None  # None: as the gateway is described
    quiet: Quiet | None = None  # hours at which nothing begins


class RetryPolicy(msgspec.Struct, frozen=True):
    """When a failed attempt is followed by another one."""

    # The gateway recognizes what it has taken before, or is asked before anything is sent again.
    is_idempotent: bool
    backoff_base_s: float
    backoff_cap_s: float
    # Of a gateway that does not: whether what may have arrived is sent once more.
    resends_unknown: bool = True
    # It is asked before anything is sent again, if an answer has told its own id of the message.
    looks_up_by_own_id: bool = False
    max_attempts: int | None = None  # that count
    quiet: Quiet | None = None  # a retry waits for their end

    def of_run(self, retrying: Retrying | None) -> "RetryPolicy":
        """Return the policy with what the run's mailing says."""
        if retrying is None:
            return self
        resends, wanted = self.resends_unknown, retrying.on_unknown
        if wanted is not None:
            resends = wanted is OnUnknown.PREFER_DELIVERY
        most, quiet = retrying.max_attempts, retrying.quiet
        return replace(self, resends_unknown=resends, max_attempts=most, quiet=quiet)

    def loud(self, at: float, zone: str | None) -> float:
        """Return `at`, or the end of the quiet hours if a client has them then."""
        if self.quiet is None:
            return at
        return self.quiet.after(instant(at), zone).timestamp()

    def is_exhausted(self, counted: int) -> bool:
        """Return whether a message has had all attempts that it may have."""
        return self.max_attempts is not None and counted >= self.max_attempts

    def allows(self, unknowns: int, gateway_message_id: str | None = None) -> bool:
        """Return whether a message may go again after so many attempts that may have arrived.

        `gateway_message_id`: the gateway's own of it, if it has told one.
        """
        if self.looks_up_by_own_id and gateway_message_id is not None:
            return True
        return self.is_idempotent or unknowns <= self.resends_unknown

    def backoff_s(self, attempts: int, jitter: float) -> float:
        """Return how long to wait after so many attempts; `jitter` is in `[0, 1)`.

        Source: "full jitter", Marc Brooker, AWS Architecture Blog, 2015.
        """
        doublings = min(attempts - 1, 32)  # beyond, any cap is reached
        return float(jitter * min(self.backoff_cap_s, self.backoff_base_s * 2.0**doublings))


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """An attempt that has ended, and all that is needed to record it.

    Its instants are seconds of business time since the epoch.
    """

    message_id: str
    client_id: UUID
    chunk: ChunkKey
    number: int
    kind: AttemptKind
    verdict: Verdict
    started_at: float
    ended_at: float
    last_start: float  # of the window
    policy: RetryPolicy
    sender_id: UUID | None  # None: it is gone
    contact: Contact | None  # as it was used; None: not known any more
    place: int = 0  # of the message in its chunk, from 1; 0: not known
    version_id: int | None = None  # of its gateway
    known_as: str | None = None  # the gateway's own id of it, told by an earlier attempt

    @property
    def gateway_message_id(self) -> str | None:
        """The gateway's own id of the message, by this attempt or an earlier one."""
        return self.verdict.gateway_message_id or self.known_as

    @property
    def key(self) -> MessageKey:
        """Return the key of its message."""
        return MessageKey(self.chunk.run_id, self.client_id)


def instant(seconds: float) -> Instant:
    """Return the instant of business time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)
