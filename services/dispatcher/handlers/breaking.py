"""Breaking: what is published, logged and counted when the state of a gateway has changed."""

from typing import NamedTuple

import structlog

from services.dispatcher.domain.attempt import instant
from services.dispatcher.domain.breaker import BreakerState, Cause, Trip
from services.dispatcher.domain.flow import GatewayState
from services.dispatcher.domain.gateway import gateway_id
from shared import ids, outbox, telemetry
from shared.contracts.gateways import GatewayBreakerClosed, GatewayBreakerOpened
from shared.database import Connection
from shared.event import Recorded

log = structlog.get_logger()


class Change(NamedTuple):
    """What has become of a gateway's state, which all replicas share."""

    gateway: str
    before: GatewayState
    after: GatewayState
    trip: Trip | None  # what this process wanted the breaker to open for

    @property
    def cause(self) -> Cause:
        """Return why the breaker is open now."""
        if self.trip is None or self.before.breaker.state is not BreakerState.CLOSED:
            return Cause.PROBES
        return self.trip.cause


async def publish(db: Connection, change: Change) -> None:
    """Publish that the breaker has opened or closed, if it has, in the transaction of the change.

    Its rounds grow with each of these, so they number the events. Their key is not the gateway's:
    a reader of an older release sets them aside, and with them all that follows of their key.
    """
    was, breaker = change.before.breaker, change.after.breaker
    if was.state is breaker.state or breaker.state is BreakerState.HALF_OPEN:
        return
    breaker_id = ids.keyed_id("breakers", change.gateway)
    stream, changed_at = f"breaker-{breaker_id}", instant(breaker.changed_at)
    event: GatewayBreakerOpened | GatewayBreakerClosed
    if breaker.state is BreakerState.OPEN:
        event = GatewayBreakerOpened(
            breaker_id=breaker_id,
            gateway_id=gateway_id(change.gateway),
            name=change.gateway,
            cause=change.cause,
            reason=breaker.reason,
            opened_at=changed_at,
            next_probe_at=instant(breaker.next_probe_at),
        )
    else:
        event = GatewayBreakerClosed(
            breaker_id=breaker_id,
            gateway_id=gateway_id(change.gateway),
            name=change.gateway,
            reason=breaker.reason,
            closed_at=changed_at,
        )
    recorded = Recorded(
        id=ids.event_id(stream, breaker.round),
        stream=stream,
        version=breaker.round,
        recorded_at=changed_at,
        correlation_id=ids.event_id(stream, breaker.round),
        causation_id=None,
        traceparent=None,
        event=event,
    )
    batches = outbox.recorded_batches([(recorded, event.json())], "dispatcher")
    await outbox.put(db, batches)


def show(change: Change) -> None:
    """Log and count what has changed."""
    before, after = change.before, change.after
    if after.paused_until > before.paused_until:
        log.info("dispatcher.gateway_paused", gateway=change.gateway, reason=after.pause_reason)
    was, breaker = before.breaker, after.breaker
    if was.state is breaker.state:
        return
    fields = {"gateway": change.gateway, "reason": breaker.reason}
    if breaker.state is BreakerState.OPEN:
        open_s = round(breaker.next_probe_at - breaker.changed_at, 1)
        log.warning("dispatcher.breaker_opened", **fields, cause=change.cause, seconds=open_s)
        telemetry.count(
            "dispatcher.breaker.openings", 1, gateway=change.gateway, reason=change.cause
        )
    elif breaker.state is BreakerState.CLOSED:
        log.info("dispatcher.breaker_closed", **fields)
    else:
        log.info("dispatcher.breaker_half_open", **fields)
