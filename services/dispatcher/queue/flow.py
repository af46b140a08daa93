"""The states of gateways: pauses that they asked for, and breakers; a row each, if needed."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from services.dispatcher.domain.attempt import instant
from services.dispatcher.domain.breaker import Breaker, BreakerState
from services.dispatcher.domain.flow import WORKS, GatewayState
from services.dispatcher.domain.rate import Draw, Rate, drawn
from shared.crash import crash_point
from shared.database import Connection
from shared.event import Instant

# Of a gateway's name: whether messages for it may be claimed.
IS_FLOWING = """
    NOT EXISTS (
        SELECT FROM gateway_states AS of_gateway WHERE of_gateway.name = controlled.gateway
            AND (
                of_gateway.paused_until > :now
                OR of_gateway.breaker = 'open' AND of_gateway.next_probe_at > :now
            )
    )
"""

READ = text("SELECT * FROM gateway_states WHERE name = :name")


async def read(db: Connection, name: str) -> GatewayState:
    """Return how a gateway is."""
    row = (await db.execute(READ, {"name": name})).first()
    return WORKS if row is None else state_of(row)


READ_ALL = text("SELECT * FROM gateway_states")


async def read_all(db: Connection) -> dict[str, GatewayState]:
    """Return how gateways are, by name; those that are not there are as they should be."""
    return {row.name: state_of(row) for row in await db.execute(READ_ALL)}


INSERT = text("INSERT INTO gateway_states (name) VALUES (:name) ON CONFLICT DO NOTHING")
LOCK = text("SELECT * FROM gateway_states WHERE name = :name FOR UPDATE")


async def lock(db: Connection, name: str) -> GatewayState:
    """Return how a gateway is, and keep it so until the commit."""
    return state_of(await _locked(db, name))


async def _locked(db: Connection, name: str) -> Any:  # noqa: ANN401 - a row of gateway_states
    row = (await db.execute(LOCK, {"name": name})).first()
    if row is not None:
        return row
    await db.execute(INSERT, {"name": name})
    return (await db.execute(LOCK, {"name": name})).one()


SAVE = text("""
    UPDATE gateway_states SET
        paused_until = :paused_until, pause_reason = :pause_reason, breaker = :breaker,
        breaker_reason = :breaker_reason, changed_at = :changed_at,
        next_probe_at = :next_probe_at, openings = :openings, round = :round, size = :size,
        granted = :granted, processed = :processed, failed = :failed
    WHERE name = :name
""")


async def save(db: Connection, name: str, state: GatewayState) -> None:
    """Store how a gateway is, which the caller has locked."""
    breaker = state.breaker
    values = {
        "name": name,
        "paused_until": _instant(state.paused_until),
        "pause_reason": state.pause_reason,
        "breaker": breaker.state,
        "breaker_reason": breaker.reason,
        "changed_at": _instant(breaker.changed_at),
        "next_probe_at": _instant(breaker.next_probe_at),
        "openings": breaker.openings,
        "round": breaker.round,
        "size": breaker.size,
        "granted": breaker.granted,
        "processed": breaker.processed,
        "failed": breaker.failed,
    }
    await db.execute(SAVE, values)
    crash_point("dispatcher.flow.written")


DRAW = text("UPDATE gateway_states SET drawn_until = :drawn_until WHERE name = :name")


async def draw(db: Connection, name: str, rate: Rate, now: float) -> Draw:
    """Draw the next block of a gateway's rate; whoever draws as well waits for the commit."""
    row = await _locked(db, name)
    found = drawn(rate, _seconds(row.drawn_until), now)
    if found.block is not None:
        await db.execute(DRAW, {"name": name, "drawn_until": instant(found.drawn_until)})
        crash_point("dispatcher.rate.written")
    return found


def state_of(row: Any) -> GatewayState:  # noqa: ANN401 - a row of gateway_states
    """Return what such a row says."""
    breaker = Breaker(
        state=BreakerState(row.breaker),
        reason=row.breaker_reason,
        changed_at=_seconds(row.changed_at),
        next_probe_at=_seconds(row.next_probe_at),
        openings=row.openings,
        round=row.round,
        size=row.size,
        granted=row.granted,
        processed=row.processed,
        failed=row.failed,
    )
    return GatewayState(_seconds(row.paused_until), row.pause_reason, breaker)


# Of a round that has granted nothing, and so has nothing to wait for.
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def _instant(seconds: float) -> Instant | None:
    if seconds == float("inf"):
        return _NEVER
    return instant(seconds) if seconds else None


def _seconds(at: Instant | None) -> float:
    return at.timestamp() if at is not None else 0.0
