"""A gateway's flow: what keeps messages from it, for all replicas alike. Pure."""

import msgspec

from services.dispatcher.domain.breaker import Breaker


class GatewayState(msgspec.Struct, frozen=True):
    """How a gateway is; instants are seconds of business time since the epoch."""

    paused_until: float = 0.0  # as it asked for
    pause_reason: str | None = None
    breaker: Breaker = Breaker()


WORKS = GatewayState()


def paused(
    state: GatewayState, until: float, reason: str | None, breaker: Breaker
) -> GatewayState:
    """Return the state with that breaker, and with the later of two pauses."""
    if until <= state.paused_until:
        return GatewayState(state.paused_until, state.pause_reason, breaker)
    return GatewayState(until, reason, breaker)
