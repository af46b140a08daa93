"""A pause at full rate while others look: how long messages still come to the gateway."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import time

from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure

SILENCE_S = 1.2  # without a request
WITHIN_S = 120.0


async def pause_to_silence_s(rig: Rig, pause: Callable[[str], Awaitable[None]]) -> float:
    """Pause a mailing to all clients when a quarter is sent; it ends before this returns.

    `pause` gets the mailing's path. From the request to the last message at the gateway.

    Raises:
        Failure: It was over before, or came to no end.
    """
    begun, _ = await rig.last_accepted()
    before = await rig.api.get("stats", "/v1/totals")
    mailing = await create_mailing(rig, "paused", datetime.now(UTC))
    path = f"/v1/mailings/{mailing['mailing_id']}"

    async def is_under_way() -> bool:
        return (await rig.accepted())[0] >= begun + rig.messages // 4

    await wait_for(is_under_way, "a mailing to be paused", WITHIN_S, 0.02)
    asked_at = time()
    await pause(path)
    count, last_at = await rig.last_accepted()

    async def is_silent() -> bool:
        nonlocal count, last_at
        known, (count, last_at) = count, await rig.last_accepted()
        return count == known

    await wait_for(is_silent, "silence", WITHIN_S, SILENCE_S)
    if count >= begun + rig.messages:
        raise Failure("The mailing was over before it was paused: take more --messages.")
    await rig.api.post("catalog", f"{path}/resume")
    wanted = before["by_status"]["delivered"] + rig.messages

    async def is_over() -> bool:
        totals = await rig.api.get("stats", "/v1/totals")
        return bool(totals["by_status"]["delivered"] >= wanted)

    await wait_for(is_over, "the end of a mailing", WITHIN_S + rig.messages / 1_000, 0.5)
    return max(last_at - asked_at, 0.0)
