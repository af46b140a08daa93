"""The manners: what three dispatchers let a gateway have that asks for patience, or fails.

`python -m tests.chaos.manners` measures them on a stack of its own, failing for some minutes
(MINUTES=n), and ends with 1 if one is not kept.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.stack import ALL
from shared.testing import eventually
from tests.chaos import books
from tests.chaos.crash_points import Case
from tests.chaos.crashing import SETTINGS, import_clients
from tests.chaos.evidence import Request
from tests.chaos.mailings import Mailings
from tests.chaos.rig import CONNECTIONS, Layout, Rig, running

DISPATCHERS = 3
MINUTES = 3.0
LATENCY_MS = 200
LAYOUT = Layout(
    parts=(*ALL, *(f"dispatcher.{n}" for n in range(2, DISPATCHERS + 1))),
    latency_ms=str(LATENCY_MS),
    timeout_s=2.0,
    has_links=False,
)
CLIENTS = {"many": 8_000}  # so that each dispatcher has some
IN_FLIGHT = CONNECTIONS * DISPATCHERS  # at most
GATEWAY = "plain"
CASE = Case("manners", "gateway", gateways=(GATEWAY,))
MOST_SHARE = 1.2
Json = dict[str, Any]


@dataclass(frozen=True)
class Manners:
    """For how long it is looked at what a gateway gets."""

    pauses: int = 3
    retry_after_s: int = 5
    failing_s: float = 60 * MINUTES


def in_pauses(requests: Sequence[Request], retry_after_s: float) -> list[int]:
    """Return how many requests there were in each pause, from the one that led to it on.

    They are those of a gateway that asks all to wait for so long.
    """
    counts: list[int] = []
    until_ms = 0.0
    for each in sorted(requests, key=lambda request: request.at_ms):
        if each.at_ms >= until_ms:
            counts.append(0)
            until_ms = each.at_ms + LATENCY_MS + 1_000 * retry_after_s
        counts[-1] += 1
    return counts


def broken(figures: Json) -> list[str]:
    """Return which manners are not kept."""
    wrong = ["beyond_in_flight"] if figures["beyond_in_flight"] or not figures["pauses"] else []
    most = MOST_SHARE * figures["messages"] + figures["probes"]
    if not 0 < figures["requests_while_failing"] <= most:
        wrong.append("requests_while_failing")
    return wrong if figures["delivered"] == figures["messages"] else [*wrong, "delivered"]


async def measure(home: Path, manners: Manners, report: Callable[[str], None]) -> Json:
    """Return what the gateway got."""
    async with running(home, SETTINGS, LAYOUT) as rig:
        await import_clients(rig, CLIENTS)
        load = Mailings(rig, CLIENTS)
        mailings = await load.create(CASE, "many")

        async def are_busy() -> bool:
            return await rig.in_flight() == IN_FLIGHT

        await eventually(are_busy, within=60)
        waiting = await _during(
            rig,
            manners.pauses * (manners.retry_after_s + 1.0),
            throttle_share=1,
            retry_after_s=manners.retry_after_s,
        )
        pauses = in_pauses(waiting, manners.retry_after_s)
        report(f"requests in pauses of {manners.retry_after_s} s: {pauses}")

        failing = await _during(rig, manners.failing_s, fail_share=1)
        probes = await _probes(rig)
        report(f"requests in {manners.failing_s:g} s of nothing but 500: {len(failing)}")

        await rig.misbehave(GATEWAY, latency_ms="0")  # no need to wait for what is left
        await load.finished(mailings)
        messages = (await books.tables(rig)).messages
        return {
            "pauses": pauses,
            "in_flight": IN_FLIGHT,
            "beyond_in_flight": sum(max(0, each - IN_FLIGHT) for each in pauses),
            "messages": len(messages),
            "failing_s": manners.failing_s,
            "requests_while_failing": len(failing),
            "probes": probes,
            "delivered": sum(each.status == "delivered" for each in messages),
        }


async def _during(rig: Rig, seconds: float, **faults: object) -> list[Request]:
    """Let the gateway misbehave for a while; return the requests that it got meanwhile."""
    before = len(books.gateways(rig)[GATEWAY].requests)
    await rig.misbehave(GATEWAY, **faults)
    await asyncio.sleep(seconds)
    await rig.misbehave(GATEWAY, throttle_share=0, fail_share=0)
    found = books.gateways(rig)[GATEWAY].requests[before:]
    return [each for each in found if not each.is_accepted]


async def _probes(rig: Rig) -> int:
    """Return how often the breaker let one message through to see whether it works again."""
    statement = "SELECT openings FROM gateway_states WHERE name = $1"
    return sum(row["openings"] for row in await rig.rows("dispatcher", statement, GATEWAY))


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure, and write the figures."""
    manners = Manners(failing_s=60 * float(os.environ.get("MINUTES") or MINUTES))
    with tempfile.TemporaryDirectory(prefix="manners-") as home:
        figures = asyncio.run(measure(Path(home), manners, say))
    wrong = broken(figures)
    sys.stdout.write(json.dumps(figures | {"broken": wrong}, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
