"""The status: what of a home runs, seen from outside."""

import asyncio
from dataclasses import dataclass

from deploy.local.doors import DOORS
from deploy.local.home import Home
from deploy.local.ports import HOST, Ports
from deploy.local.probe import answers_http, has_broker
from deploy.local.record import Record, is_alive
from deploy.local.services import GATEWAY, MAIL


@dataclass(frozen=True)
class Status:
    """One part; `state` is ready, starting (alive, but no good answer) or ended."""

    name: str
    state: str
    pid: int
    address: str
    log: str


async def status(home: Home) -> list[Status]:
    """Return everything on record, in the order of starting; nothing when nothing runs."""
    ports = Ports(home.ports).kept
    entries = Record(home.record).entries()

    async def one(name: str) -> Status:
        port = ports.get(name, 0)
        state = "ended"
        if is_alive(entries[name]):
            state = "ready" if await _answers(name, port) else "starting"
        address = f"{HOST}:{port}" if name in ("postgres", "kafka") else f"http://{HOST}:{port}"
        log = str(home.logs / f"{name}.log")
        return Status(name, state, entries[name].pid, address, log)

    return list(await asyncio.gather(*(one(name) for name in entries)))


async def _answers(name: str, port: int) -> bool:
    if name == "postgres":
        return True  # its supervisor starts it again when it is not well
    if name == "kafka":
        return await has_broker(port)
    return await answers_http(port, "/livez" if name in (GATEWAY, MAIL, *DOORS) else "/readyz")
