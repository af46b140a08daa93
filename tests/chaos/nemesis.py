"""The nemesis: kills, stops and restarts processes, and makes links bad, by a seed.

All of it while runs are sending.
"""

import asyncio
import math
import random
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx

from deploy.local.process import until
from tests.chaos.evidence import Fault, Sample
from tests.chaos.rig import LATENCY_MS, SANDBOXES, Rig

STORES = ("postgres", "kafka")
KINDS = ("catalog", "scheduler", "dispatcher", "stats", *STORES)
LOOK_EVERY_S = 0.25
SENDING_MS = 1_000  # a run is sending if a gateway got something in the last so many
LONGEST_STOP_S = 20.0  # beyond a lease
LONGEST_STALL_S = 8.0
PATIENT_S = 4.0  # until much is under way that a kill may lose
DELAYS_S = (0.05, 0.5)


def now_ms() -> int:
    """Return the time by the clock that ledgers have."""
    return time.time_ns() // 1_000_000


class Watch:
    """Looks at the platform from outside all the time, and keeps what it saw."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.samples: list[Sample] = []
        self._sizes: dict[str, int] = {}
        self._moved_ms = 0

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            lag_s = await self._lag()
            is_sending = self.is_sending()
            self.samples.append(Sample(now_ms(), lag_s, is_sending))
            await asyncio.sleep(LOOK_EVERY_S)

    def is_sending(self) -> bool:
        """Return whether gateways get requests just now."""
        sizes = {name: self._rig.ledger(name).stat().st_size for name in SANDBOXES}
        if sizes != self._sizes:
            self._sizes, self._moved_ms = sizes, now_ms()
        return now_ms() - self._moved_ms <= SENDING_MS

    async def _lag(self) -> float | None:
        for name in self._rig.replicas("stats"):
            try:
                answer = await self._rig.http.get(f"{self._rig.url(name)}/v1/totals", timeout=1)
            except httpx.TransportError:
                continue
            if answer.is_success:
                lag_s: float | None = answer.json()["lag_s"]
                return lag_s
        return None


class Nemesis:
    """Does faults, one after the other; each process comes back by itself."""

    def __init__(self, rig: Rig, watch: Watch, seed: int, report: Callable[[str], None]) -> None:
        self._rig = rig
        self._watch = watch
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._report = report
        self.faults: list[Fault] = []
        self.ended: list[str] = []  # by themselves
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._deck: list[tuple[str, str]] = []
        self._ways: Mapping[str, Callable[[str], Coroutine[Any, Any, None]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "restart": self._restart,
            "cut": self._cut,
            "stall": self._stall,
            "delay": self._delay,
        }

    async def run(self, count: int, every_s: float, until: float) -> None:
        """Do so many faults, or as many as there is time for."""
        while len(self.faults) < count and time.monotonic() < until:
            begun = time.monotonic()
            await self._one()
            await asyncio.sleep(
                max(0.2, begun + every_s * self._random.uniform(0.5, 1.5) - time.monotonic())
            )

    async def heal(self) -> None:
        """Wait until everything runs again."""
        await asyncio.gather(*self._busy.values())

    async def _one(self) -> None:
        kind, target = self._drawn()
        await eventually(self._watch.is_sending)
        if target not in self._rig.links and self._rig.pid(target) is None:  # died by itself
            self._report(f"{target} is down, and nobody has ended it")
            self.ended.append(target)
            await self._rig.begin(target)
            return
        in_flight = await self._in_flight(is_patient=kind == "kill")
        if not in_flight:
            self._deck.append((kind, target.partition(".")[0]))  # a fault counts while runs send
            return
        how = self._ways[kind]
        number = len(self.faults)
        self.faults.append(Fault(kind, target, now_ms(), now_ms(), in_flight))
        self._report(f"{number + 1}: {kind} {target} ({in_flight} in flight)")
        self._busy[target] = asyncio.create_task(self._done(number, target, how(target)))

    async def _in_flight(self, *, is_patient: bool) -> int:
        """Return how many requests are under way; who is patient waits for half of what can be."""
        until = time.monotonic() + (PATIENT_S if is_patient else 0)
        while True:
            found = await self._rig.in_flight()
            if found * 2 >= self._rig.connections or time.monotonic() >= until:
                return found
            await asyncio.sleep(LOOK_EVERY_S)

    async def _done(self, number: int, target: str, doing: Coroutine[Any, Any, None]) -> None:
        try:
            await doing
        finally:
            was = self.faults[number]
            self.faults[number] = Fault(was.kind, target, was.at_ms, now_ms(), was.in_flight)
            del self._busy[target]

    def _drawn(self) -> tuple[str, str]:
        """Return the next fault, of a process that stands; both stores never are down at once."""
        while True:
            if not self._deck:
                self._deck = self._hand()
            for at, (kind, of) in enumerate(self._deck):
                free = [each for each in self._rig.replicas(of) if each not in self._busy]
                if of == "plain" or of in self._rig.links:
                    free = [] if of in self._busy else [of]
                if of in STORES and any(each in self._busy for each in STORES):
                    free = []
                if free:
                    del self._deck[at]
                    return kind, self._random.choice(free)
            self._deck += self._hand()

    def _hand(self) -> list[tuple[str, str]]:
        """Return some faults, in which each kind of process is killed."""
        draw = self._random
        links = list(self._rig.links)
        hand = [("kill", each) for each in (*KINDS, "dispatcher")]
        hand.append(("kill", draw.choice([*SANDBOXES.values()])))
        hand += [("stop", each) for each in ("dispatcher", draw.choice(("stats", "scheduler")))]
        hand.append(("stop", draw.choice(("catalog", "kafka", *SANDBOXES.values()))))
        hand += [("restart", draw.choice(KINDS)) for _ in range(2)]
        hand += [(how, draw.choice(links)) for how in ("cut", "stall", "delay") if links]
        draw.shuffle(hand)
        return hand

    async def _kill(self, target: str) -> None:
        pause_s = self._random.uniform(0.1, 3)
        await self._rig.kill(target)
        await asyncio.sleep(pause_s)
        await self._rig.begin(target)

    async def _stop(self, target: str) -> None:
        most_s = LONGEST_STOP_S if target.startswith("dispatcher") else LONGEST_STOP_S / 2
        pause_s = self._random.uniform(0.5, most_s)
        self._rig.signal(target, signal.SIGSTOP)
        try:
            await asyncio.sleep(pause_s)
        finally:
            self._rig.signal(target, signal.SIGCONT)

    async def _restart(self, target: str) -> None:
        self._rig.signal(target, signal.SIGINT if target == "postgres" else signal.SIGTERM)
        if not await eventually(lambda: self._rig.pid(target) is None, within_s=60):
            self._report(f"{target} has not ended within a minute")
            await self._rig.kill(target)
        await self._rig.begin(target)

    async def _cut(self, target: str) -> None:
        self._rig.links[target].cut()

    async def _stall(self, target: str) -> None:
        link = self._rig.links[target]
        link.stall()
        try:
            await asyncio.sleep(self._random.uniform(0.5, LONGEST_STALL_S))
        finally:
            link.flow()

    async def _delay(self, target: str) -> None:
        link = self._rig.links[target]
        link.delay_s = self._random.uniform(*DELAYS_S)
        try:
            await asyncio.sleep(self._random.uniform(0.5, LONGEST_STALL_S))
        finally:
            link.flow()


async def eventually(condition: Callable[[], bool], within_s: float = math.inf) -> bool:
    """Wait for a condition; return whether it came true in time."""

    async def is_true() -> bool:
        return condition()

    return await until(is_true, within_s)


async def misbehave(rig: Rig, seed: int) -> None:
    """Let sandboxes misbehave by turns, until cancelled: one at a time, the others are well."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    http: list[dict[str, object]] = [
        {"latency_ms": "lognormal:600:0.8"},
        {"fail_share": 0.2},
        {"throttle_share": 0.02},
        {"garbage_share": 0.05},
        {"hang_share": 0.02},
        {"outage": "0..2"},
    ]
    mail: list[dict[str, object]] = [
        {"latency_ms": "lognormal:600:0.8"},
        {"fail_share": 0.2},
        {"refuse_share": 0.05},
        {"close_share": 0.1},
        {"drop_share": 0.05},
        {"cut_share": 0.1},
        {"hang_share": 0.02},
        {"greeting_share": 0.2},
    ]
    while True:
        gateway = draw.choice(list(SANDBOXES))
        await rig.misbehave(gateway, **draw.choice(mail if gateway == "smtp" else http))
        await asyncio.sleep(draw.uniform(2, 6))
        await be_well(rig, gateway)
        await asyncio.sleep(draw.uniform(1, 4))


async def be_well(rig: Rig, gateway: str, latency_ms: str = LATENCY_MS) -> None:
    """Let a sandbox take everything again."""
    well = {"latency_ms": latency_ms, "fail_share": 0, "hang_share": 0}
    mail, http = "refuse close drop cut greeting", "throttle garbage"
    shares = (mail if gateway == "smtp" else http).split()
    await rig.misbehave(gateway, **well, **{f"{each}_share": 0 for each in shares})
