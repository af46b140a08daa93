"""The rig: the whole platform in replicas, with two HTTP sandboxes and one for mails."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import asyncpg
import httpx

from deploy.local.errors import StackError
from deploy.local.part import Part
from deploy.local.ports import HOST, Ports
from deploy.local.postgres import url
from deploy.local.probe import answers_http
from deploy.local.record import Record
from deploy.local.services import python
from deploy.local.stack import ALL, Stack
from deploy.local.supervisor import Supervisor
from shared.testing import eventually
from tests.chaos.wiring import Wiring
from tests.stacks import PreparedStack

Json = dict[str, Any]

HEADER = "phone,tags,time_zone,email,full_name\n"
PLAIN = "plain"  # the part: a sandbox that recognizes nothing
REPLICAS = {"catalog": 2, "scheduler": 3, "dispatcher": 3, "stats": 2}
PARTS = (*ALL, *(f"{name}.{n}" for name, most in REPLICAS.items() for n in range(2, most + 1)))
# The part and the ledger of each gateway.
SANDBOXES = {"http": "gateway", "plain": PLAIN, "smtp": "mail"}
CONNECTIONS = 8  # of each dispatcher to each gateway
LATENCY_MS = "700-1300"  # so connections are busy although the machine has few cores
PATIENT_S = 90.0
# The last one comes from the driver itself when a server is killed in the middle of its answer.
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
PORT = re.compile(r":\d+")  # of a URL


@dataclass(frozen=True)
class Layout:
    """What runs, and how patient it is with its gateways."""

    parts: Sequence[str] = PARTS
    latency_ms: str = LATENCY_MS
    timeout_s: float = 5.0  # of a request
    has_links: bool = True


WHOLE = Layout()


class Rig:
    """Everything that runs, by name, and how it is asked."""

    def __init__(
        self, stack: Stack, http: httpx.AsyncClient, layout: Layout, wiring: Wiring | None
    ) -> None:
        self.stack = stack
        self.http = http
        self.layout = layout
        self.links = wiring.links if wiring else {}
        self._wiring = wiring
        own = stack.home.path / "plain"
        own.mkdir(parents=True)
        self._ledger = stack.home.data / "plain.ledger"
        self._ports = Ports(own / "ports.json", {})
        self._port = self._ports.take(PLAIN)
        self._plain = Supervisor(Record(own / "record.json"), lambda _: None)

    async def start(self) -> None:
        """Start the second HTTP sandbox, and describe the gateways."""
        arguments = ("--port", str(self._port), "--ledger", str(self._ledger))

        async def is_ready() -> bool:
            return await answers_http(self._port, "/livez")

        command = python(self.stack.home, PLAIN, "deploy.local.gateway", *arguments, env={})
        await self._plain.start(Part(name=PLAIN, command=command, is_ready=is_ready))
        urls: dict[str, Json] = {
            "plain": {"kind": "http", "url": f"http://{HOST}:{self._port}/messages"},
            "http": {"idempotent": True},
            "smtp": {},
        }
        for name, fields in urls.items():
            known = {} if name == "plain" else await self.described(name)
            limits = {"max_connections": CONNECTIONS, "timeout_s": self.layout.timeout_s}
            description = known | fields | limits
            if self._wiring is not None:
                link = str(self._wiring.gateway_port(name))
                description["url"] = PORT.sub(f":{link}", description["url"])
            await self.describe(name, description)
            await self.misbehave(name, latency_ms=self.layout.latency_ms)

    async def described(self, gateway: str) -> Json:
        """Return how a gateway is described."""
        found = await self.ask("dispatcher", "GET", f"/v1/gateways/{gateway}")
        return cast("Json", found["description"])

    async def describe(self, gateway: str, description: Json) -> None:
        """Make a gateway, or change it."""
        await self.ask("dispatcher", "PUT", f"/v1/gateways/{gateway}", json=description)

    def replicas(self, service: str) -> list[str]:
        """Return the names of a service's parts."""
        return [name for name in self.layout.parts if name.partition(".")[0] == service]

    async def stop(self) -> None:
        """End what this has started beside the stack."""
        await self._plain.stop_all([PLAIN], at_once=True)
        self._ports.release()

    def pid(self, name: str) -> int | None:
        """Return the process id of a part; None when it does not run."""
        return (self._plain if name == PLAIN else self.stack).pid(name)

    async def kill(self, name: str) -> None:
        """End a part by SIGKILL; it stays down until `begin`."""
        await (self._plain if name == PLAIN else self.stack).kill(name)

    async def begin(self, name: str) -> None:
        """Start a part again; what else is down meanwhile may make that last."""
        end = time.monotonic() + 4 * PATIENT_S
        while True:
            try:
                await (self._plain if name == PLAIN else self.stack).begin(name)
            except StackError:
                if time.monotonic() > end:
                    raise
                await self.kill(name)
            else:
                return

    def signal(self, name: str, what: signal.Signals) -> None:
        """Send a signal to a part, if it runs."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, what)

    async def ask(self, service: str, method: str, path: str, **request: Any) -> Json:
        """Ask any replica of a service, until one answers well."""
        end, answer = time.monotonic() + PATIENT_S, ""
        while time.monotonic() < end:
            for name in self.replicas(service):
                try:
                    found = await self.http.request(method, self.url(name) + path, **request)
                except httpx.TransportError as error:
                    answer = repr(error)
                    continue
                if found.is_success:
                    return cast("Json", found.json()) if found.content else {}
                answer = f"{found.status_code} {found.text}"
            await asyncio.sleep(0.3)
        raise TimeoutError(f"{method} {path} of {service}: {answer}")

    def url(self, name: str) -> str:
        """Return where a part answers."""
        if name == PLAIN:
            return f"http://{HOST}:{self._port}"
        return self.stack.env[f"{name.upper().replace('.', '_')}_URL"]

    def database(self, service: str) -> str:
        """Return where a service's database is, past all links."""
        return url(Ports(self.stack.home.ports, {}).kept["postgres"], service)

    async def rows(self, service: str, statement: str, *values: object) -> list[asyncpg.Record]:
        """Return rows of a service's database; none while it is down."""
        try:
            db = await asyncpg.connect(self.database(service), timeout=5)
            try:
                return list(await db.fetch(statement, *values, timeout=10))
            finally:
                db.terminate()  # a polite end fails if this is cancelled in the middle of a query
        except (OSError, TimeoutError, *DATABASE_ERRORS):
            return []

    async def import_clients(self, tag: str, count: int, first: int) -> Json:
        """Import clients with a tag, whose phones follow on `first`; return the import."""
        rows = [
            f"{first + n},{tag},Europe/Moscow,{tag}{n}@example.com,Anna Petrova {n}\n"
            for n in range(count)
        ]
        return await self.ask(
            "catalog",
            "POST",
            "/v1/imports",
            content="".join([HEADER, *rows]).encode(),
            headers={"content-type": "text/csv", "Idempotency-Key": str(uuid4())},
        )

    async def clients_are_known(self, count: int) -> None:
        """Wait until the dispatcher has so many clients."""

        async def are_known() -> bool:
            rows = await self.rows("dispatcher", "SELECT count(*) FROM clients")
            return bool(rows) and rows[0][0] >= count

        await eventually(are_known, within=120)

    async def misbehave(self, gateway: str, **faults: object) -> None:
        """Tell a sandbox how to misbehave; nothing if it is down just now."""
        with suppress(httpx.TransportError):
            faulty = f"{self.url(SANDBOXES[gateway])}/faults"
            (await self.http.patch(faulty, content=json.dumps(faults))).raise_for_status()

    @property
    def connections(self) -> int:
        """How many requests there can be at once, of all dispatchers to all gateways."""
        return CONNECTIONS * len(SANDBOXES) * len(self.replicas("dispatcher"))

    async def in_flight(self) -> int:
        """Count the requests that are under way, of all dispatchers that answer."""

        async def of(name: str) -> int:
            try:
                found = await self.http.get(f"{self.url(name)}/v1/gateways", timeout=1)
                items = found.json()["items"] if found.is_success else []
            except httpx.TransportError:
                return 0
            return sum(each["in_flight"] for each in items)

        return sum(await asyncio.gather(*map(of, self.replicas("dispatcher"))))

    def ledger(self, gateway: str) -> Path:
        """Return the file of a sandbox's ledger."""
        return self.stack.home.data / f"{SANDBOXES[gateway]}.ledger"


@asynccontextmanager
async def running(
    home: Path, settings: Mapping[str, str], layout: Layout = WHOLE
) -> AsyncIterator[Rig]:
    """Run everything, and end it."""
    wiring = Wiring(home) if layout.has_links else None
    if wiring is not None:
        await wiring.open()
        settings = {**settings, **wiring.settings()}
    options = ("--idempotent", "--latency-ms", layout.latency_ms)
    stack = PreparedStack(home, settings, layout.parts, options, lambda _: None, ephemeral=True)
    await stack.start()
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            rig = Rig(stack, http, layout, wiring)
            try:
                await rig.start()
                yield rig
            finally:
                await rig.stop()
    finally:
        await stack.stop()
        if wiring is not None:
            await wiring.close()
