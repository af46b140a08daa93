"""The world outside, behind one protocol: what accepts messages."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from services.dispatcher.domain.attempt import Limits, RetryPolicy
from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import OutgoingMessage, Verdict

Done: TypeAlias = Callable[[Verdict], None]


class Gateway(Protocol):
    """A stranger who takes messages: slow, talkative or gone, but never a danger to us."""

    @property
    def name(self) -> str:
        """What mailings call it."""

    @property
    def channel(self) -> Channel:
        """What it needs of a client to reach it."""

    @property
    def is_idempotent(self) -> bool:
        """Whether it recognizes a message that it has taken before."""

    @property
    def resends_unknown(self) -> bool:
        """Whether it gets once more what may have arrived, if it does not recognize it."""

    @property
    def looks_up(self) -> bool:
        """Whether it is asked for what may have arrived, before that is sent again."""

    @property
    def looks_up_by_own_id(self) -> bool:
        """Whether it is asked likewise if it has told its own id of the message."""

    @property
    def free(self) -> int:
        """How many messages can be started now."""

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Needs `free` > 0. Never raises for what the other side does; `done` is never called
        before this returns.
        """

    async def close(self) -> None:
        """Give up what is under way, each with its call of `done`, and hang up."""


def policy_for(gateway: Gateway, limits: Limits) -> RetryPolicy:
    """Return when a failed attempt at `gateway` is followed by another one."""
    return RetryPolicy(
        is_idempotent=gateway.is_idempotent or gateway.looks_up,
        backoff_base_s=limits.backoff_base_s,
        backoff_cap_s=limits.backoff_cap_s,
        resends_unknown=gateway.resends_unknown,
        looks_up_by_own_id=gateway.looks_up_by_own_id,
    )
