"""Idleness: what the platform costs when it has nothing to do, and how soon it is awake again."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from time import time

from bench.pipeline import create_mailing, percentile_95
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure
from cli.upload import Kind, import_file
from deploy.local.services import SERVICES
from deploy.local.stack import POSTGRES

CLIENTS = 20_000  # of the large mailing: some seconds of sending
FIRST_PHONE = 79_170_000_000
PAUSED_AFTER = CLIENTS // 4  # messages
SILENCE_S = 1.0  # without a request
SETTLE_S = 5.0
IDLE_S = 60.0
MAILINGS = 40  # of one client each
AHEAD = timedelta(seconds=5)  # of the first one's start
APART = timedelta(milliseconds=1_137)  # no multiple of what anything here waits for
LOOK_AFTER_S = 0.9  # what looks earlier would cost what is measured
WITHIN_S = 60.0


@dataclass(frozen=True)
class Idle:
    """What the platform costs when idle, and how soon it does what is due or asked for."""

    seconds: float  # that were idle
    cpu_share: dict[str, float]  # of a core, of everything that runs
    services_and_postgres: float  # of a core
    mailings: int
    first_request_p50_s: float  # from the instant in which a mailing is due
    first_request_p95_s: float
    first_request_max_s: float
    pause_to_silence_s: float  # from the request to pause to the last message at the gateway
    machine: dict[str, float]  # shares of all cores: idle, and busy elsewhere; while idle


async def measure_idleness(rig: Rig) -> Idle:
    """Send a mailing that is paused in its middle, do nothing, then send some of one client.

    Raises:
        Failure: Something came to no end.
    """
    await _import_clients(rig)
    silence_s = await _pause_to_silence(rig)
    await rig.tidy_up()
    await asyncio.sleep(SETTLE_S)
    rig.toggle_profile(*SERVICES)
    meter = rig.meter()
    await asyncio.sleep(IDLE_S)
    spent, machine = meter.cpu_us_per(1), meter.machine()
    rig.toggle_profile(*SERVICES)
    shares = {name: round(cpu_us / 1e6 / IDLE_S, 4) for name, cpu_us in spent.items()}
    latencies = await _first_requests(rig)
    return Idle(
        seconds=IDLE_S,
        cpu_share=shares,
        services_and_postgres=round(sum(shares[name] for name in (*SERVICES, POSTGRES)), 4),
        mailings=MAILINGS,
        first_request_p50_s=round(median(latencies), 3),
        first_request_p95_s=percentile_95(latencies) or 0.0,
        first_request_max_s=round(max(latencies), 3),
        pause_to_silence_s=round(silence_s, 3),
        machine=machine,
    )


async def _import_clients(rig: Rig) -> None:
    path = rig.home.data / "idle.csv"
    await asyncio.to_thread(path.write_text, "".join(_lines()))
    with path.open("rb") as file:
        await import_file(rig.api, file, Kind.CSV, lambda _: None)


def _lines() -> Iterator[str]:
    """Yield clients; the first ones can be told apart by their tags."""
    yield "phone,tags,time_zone,email,full_name\n"
    for number in range(CLIENTS):
        tag = _tag(number) if number < MAILINGS else ""
        yield f"{FIRST_PHONE + number},{tag},Europe/Moscow,,Anna Petrova {number}\n"


def _tag(number: int) -> str:
    return f"idle-{number}"


async def _pause_to_silence(rig: Rig) -> float:
    """Pause a mailing to all clients in its middle, and let it end; return what the pause took."""
    mailing = await create_mailing(rig, "idle", datetime.now(UTC))
    path = f"/v1/mailings/{mailing['mailing_id']}"

    async def is_under_way() -> bool:
        return (await rig.accepted())[0] >= PAUSED_AFTER

    await wait_for(is_under_way, "a mailing to be paused", WITHIN_S, 0.05)
    asked_at = time()
    await rig.api.post("catalog", f"{path}/pause")
    before, last_at = await rig.last_accepted()

    async def is_silent() -> bool:
        nonlocal before, last_at
        count, (before, last_at) = before, await rig.last_accepted()
        return count == before

    await wait_for(is_silent, "silence", WITHIN_S, SILENCE_S)
    if before >= CLIENTS:
        raise Failure("The mailing was over before it was paused.")
    await rig.api.post("catalog", f"{path}/resume")

    async def is_over() -> bool:
        totals = await rig.api.get("stats", "/v1/totals")
        return bool(totals["by_status"]["delivered"] == CLIENTS)

    await wait_for(is_over, "the end of a mailing", WITHIN_S, 0.5)
    return max(last_at - asked_at, 0.0)


async def _first_requests(rig: Rig) -> list[float]:
    """Return, for mailings that are due one after the other, how long the gateway waited."""
    first = datetime.now(UTC) + AHEAD
    starts = [first + number * APART for number in range(MAILINGS)]
    for number, starts_at in enumerate(starts):
        await create_mailing(rig, _tag(number), starts_at, tag=_tag(number))
    latencies = []
    before, _ = await rig.last_accepted()
    for number, starts_at in enumerate(starts):
        due_at, wanted = starts_at.timestamp(), before + number + 1
        await asyncio.sleep(max(due_at + LOOK_AFTER_S - time(), 0))

        async def is_there(wanted: int = wanted) -> bool:
            return (await rig.accepted())[0] >= wanted

        await wait_for(is_there, "a mailing that is due", WITHIN_S, 0.05)
        count, last_at = await rig.last_accepted()
        if count != wanted:
            raise Failure(f"A mailing came later than {APART}: the machine is too busy.")
        latencies.append(last_at - due_at)
    return latencies
