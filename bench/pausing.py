"""Pausing: how soon the gateway hears nothing more, at full rate, from all dispatchers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

from bench.importing import import_clients
from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure

DISPATCHERS = 2
PAUSES = 4  # of each kind, by turns
UNDER_WAY = 3_000  # messages from the start, or from going on, to the next pause
RATE_OVER_S = 0.2  # before a pause
SILENCE_S = 1.2  # without a request: longer than any may come late
WITHIN_S = 60.0


@dataclass(frozen=True)
class Pause:
    """One pause, and how busy the gateway was."""

    rate_before_per_s: float
    answered_after_s: float  # the request to pause
    silent_after_s: float  # the last message at the gateway, after that answer; 0: before it


@dataclass(frozen=True)
class Pausing:
    """Pauses of a mailing, through the catalog, and of a gateway, all at full rate."""

    dispatchers: int
    messages: int
    mailing: tuple[Pause, ...]
    gateway: tuple[Pause, ...]
    lost: int
    duplicated: int
    machine: dict[str, float]  # shares of all cores: idle, and busy elsewhere


async def measure_pausing(rig: Rig) -> Pausing:
    """Send a mailing to all clients, and pause it and its gateway again and again.

    Raises:
        Failure: It was over before all pauses were made, or came to no end.
    """
    await import_clients(rig)
    meter = rig.meter()
    before, distinct_before = await rig.accepted()
    mailing = await create_mailing(rig, "pausing", datetime.now(UTC))
    of_mailing = "catalog", f"/v1/mailings/{mailing['mailing_id']}"
    pauses: dict[str, list[Pause]] = {"mailing": [], "gateway": []}
    for _ in range(PAUSES):
        pauses["mailing"].append(await _pause(rig, *of_mailing))
        pauses["gateway"].append(await _pause(rig, "dispatcher", "/v1/gateways/http"))

    async def is_over() -> bool:
        counts = (await rig.api.get("stats", "/v1/totals"))["by_status"]
        return bool(counts["delivered"] == rig.messages)

    await wait_for(is_over, "the end of the mailing", WITHIN_S + rig.messages / 1_000, 0.5)
    requests, distinct = await rig.accepted()
    return Pausing(
        dispatchers=rig.setup.dispatchers,
        messages=rig.messages,
        mailing=tuple(pauses["mailing"]),
        gateway=tuple(pauses["gateway"]),
        lost=rig.messages - (distinct - distinct_before),
        duplicated=(requests - before) - (distinct - distinct_before),
        machine=meter.machine(),
    )


async def _pause(rig: Rig, service: str, path: str) -> Pause:
    """Pause something at full rate, wait for silence, and let it go on."""
    begun = (await rig.accepted())[0]
    await wait_for(_has(rig, begun + UNDER_WAY), "messages under way", WITHIN_S, 0.02)
    first, at = (await rig.accepted())[0], time()
    await wait_for(_after(at + RATE_OVER_S), "a moment", WITHIN_S, 0.02)
    rate = ((await rig.accepted())[0] - first) / (time() - at)
    asked_at = time()
    await rig.api.post(service, f"{path}/pause")
    answered_at = time()
    count, last_at = await rig.last_accepted()

    async def is_silent() -> bool:
        nonlocal count, last_at
        known, (count, last_at) = count, await rig.last_accepted()
        return count == known

    await wait_for(is_silent, "silence", WITHIN_S, SILENCE_S)
    if count >= rig.messages:
        raise Failure("The mailing was over before all pauses were made: take more --messages.")
    await rig.api.post(service, f"{path}/resume")
    return Pause(
        rate_before_per_s=round(rate, 1),
        answered_after_s=round(answered_at - asked_at, 3),
        silent_after_s=round(max(last_at - answered_at, 0.0), 3),
    )


def _has(rig: Rig, requests: int) -> Callable[[], Awaitable[bool]]:
    async def has() -> bool:
        return (await rig.accepted())[0] >= requests

    return has


def _after(at: float) -> Callable[[], Awaitable[bool]]:
    async def is_after() -> bool:
        return time() >= at

    return is_after
