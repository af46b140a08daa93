"""Measuring: what the dispatcher's metrics show of batches, of the ledger and of gateways.

In the path of every message: a batch is counted as a whole, and nothing for one message alone.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Protocol

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.breaker import BreakerState, Cause
from services.dispatcher.domain.flow import WORKS, GatewayState
from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.domain.rate import Rate
from services.dispatcher.gateways import Gateway
from services.dispatcher.handlers.failing import Result
from services.dispatcher.queue import flow, measuring
from services.dispatcher.queue.measuring import DueMessages
from shared import database, telemetry
from shared.database import Connection

STATES = ("waiting", "expanding", "sending", "paused")
NONE_DUE = DueMessages(0, 0.0)


class Sending(Protocol):
    """Who sends through a gateway."""

    gateway: Gateway
    in_flight: int


def count_results(gateway: str, results: Sequence[Result], attempts: Sequence[Attempt]) -> None:
    """Count a batch that is on record: outcomes, durations, and how late first attempts were.

    `attempts`: those among the results.
    """
    for outcome, number in Counter([each.verdict.outcome for each in attempts]).items():
        telemetry.count("dispatcher.attempts", number, gateway=gateway, outcome=outcome)
    bounced = sum(each.verdict.bounced is not None for each in attempts)
    telemetry.count("dispatcher.contacts.bounced", bounced, gateway=gateway)
    durations = [each.ended_at - each.started_at for each in attempts]
    telemetry.observe_many("dispatcher.attempt.duration", durations, gateway=gateway)
    delays = [
        each.entry.started_at - max(each.lease.run.window.allowed_since, each.lease.due_at)
        for each in results
        if each.before.attempt == 0 and type(each.entry) is Attempt
    ]
    telemetry.observe_many("dispatcher.handover.delay", delays, gateway=gateway)


def watch(sender: Sending, rate: Rate | None) -> None:
    """Show what is under way at a gateway, and how much may be, whenever somebody looks."""
    gateway = sender.gateway
    for outcome in Outcome:  # a rate needs a number before the first one
        telemetry.count("dispatcher.attempts", 0, gateway=gateway.name, outcome=outcome)
    for cause in Cause:
        telemetry.count("dispatcher.breaker.openings", 0, gateway=gateway.name, reason=cause)
    telemetry.count("dispatcher.contacts.bounced", 0, gateway=gateway.name)
    telemetry.count("dispatcher.messages.unrendered", 0, gateway=gateway.name)
    telemetry.measure("dispatcher.gateway.rate", rate.per_s if rate else 0, gateway=gateway.name)
    telemetry.show("dispatcher.requests.active", lambda: sender.in_flight, gateway=gateway.name)
    telemetry.show(
        "dispatcher.requests.limit",
        lambda: sender.in_flight + gateway.free,
        gateway=gateway.name,
    )


async def sample_ledger(gateways: Collection[str], db: Connection) -> None:
    """Record what is due at each gateway, and the states of runs that are not finished."""
    now = await database.now(db)
    due = await measuring.due_messages(db, now)
    others = [each for name, each in due.items() if name not in gateways]
    shown = {name: due.get(name, NONE_DUE) for name in gateways}
    shown[telemetry.OTHER] = DueMessages(
        sum(each.number for each in others), max([each.age_s for each in others], default=0.0)
    )
    for name, each in shown.items():
        telemetry.measure("dispatcher.messages.due", each.number, gateway=name)
        telemetry.measure_age("dispatcher.messages.due.age", each.age_s, gateway=name)
    states = await flow.read_all(db)
    for name in gateways:
        _show_state(name, states.get(name, WORKS), now.timestamp())
    for state, runs in (await measuring.open_runs(db, STATES)).items():
        telemetry.measure("dispatcher.runs", runs, state=state)


def _show_state(gateway: str, state: GatewayState, now: float) -> None:
    is_open = state.breaker.state is not BreakerState.CLOSED
    telemetry.measure("dispatcher.breaker.open", float(is_open), gateway=gateway)
    telemetry.measure(
        "dispatcher.gateway.pause", max(state.paused_until - now, 0.0), gateway=gateway
    )
