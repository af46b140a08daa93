"""A gateway's flow: what keeps messages from it, for all replicas alike. Pure."""

import msgspec

from services.dispatcher.domain.breaker import (
    NO_PROBES,
    Breaker,
    OpenFor,
    Probes,
    Trip,
    granted,
    probed,
    tripped,
)


class GatewayState(msgspec.Struct, frozen=True):
    """How a gateway is; instants are seconds of business time since the epoch."""

    paused_until: float = 0.0  # as it asked for
    pause_reason: str | None = None
    breaker: Breaker = Breaker()


WORKS = GatewayState()


class News(msgspec.Struct, frozen=True):
    """What one replica has seen of a gateway, and how many probes it could start."""

    trip: Trip | None = None
    paused_until: float = 0.0
    pause_reason: str | None = None
    probes: Probes = NO_PROBES
    wanted: int = 0


def after_news(
    state: GatewayState, news: News, now: float, open_for: OpenFor, jitter: float, probe_s: float
) -> tuple[GatewayState, int]:
    """Return the state after news of it, and how many probes may be started.

    `jitter` is in `[0, 1)`; after `probe_s` a probe of which nothing was reported is lost.
    """
    breaker = probed(state.breaker, news.probes, now, open_for, jitter)
    if news.trip is not None:
        breaker = tripped(breaker, news.trip, now, open_for, jitter)
    number = 0
    if news.wanted:
        breaker, number = granted(breaker, news.wanted, now, probe_s)
    if news.paused_until <= state.paused_until:
        return GatewayState(state.paused_until, state.pause_reason, breaker), number
    return GatewayState(news.paused_until, news.pause_reason, breaker), number
