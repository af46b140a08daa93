"""The stack: everything that runs on this machine, put together."""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, TypeAlias

from deploy.local import page, services
from deploy.local.account import can_enter, fallback_dir, unprivileged
from deploy.local.broker import Broker
from deploy.local.classpath import kafka_jars
from deploy.local.doors import ADMIN, DOORS, WEB, door, shown
from deploy.local.errors import StackError
from deploy.local.gateways import follow_sandboxes
from deploy.local.home import Home
from deploy.local.packages import java, postgres_binaries
from deploy.local.part import Part
from deploy.local.ports import USUAL, Ports
from deploy.local.postgres import postgres
from deploy.local.process import run
from deploy.local.record import Record, record_supervisor
from deploy.local.services import GATEWAY, MAIL, SERVICES, SMTP, SMTPS, Addresses, service_of
from deploy.local.supervisor import NO_VARIABLES, Supervisor, all_of

Parts: TypeAlias = Sequence[str]  # names; `dispatcher.2` is a second dispatcher

POSTGRES, KAFKA = "postgres", "kafka"
DISPATCHER, TOKEN = "dispatcher", "DISPATCHER_API_TOKEN"
ALL: Parts = (POSTGRES, KAFKA, GATEWAY, MAIL, *SERVICES)
WITH_PAGE: Parts = (*DOORS, *ALL)

WHAT_IT_SHOWS = {WEB: "the page", ADMIN: "the page for those who run it"}

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class Stack:
    """PostgreSQL, Kafka, the sandbox gateway and the services, in one home.

    `settings` go to the services and win over what is found out here; with the address of a
    store in them, that store need not be among the `parts`. An `ephemeral` stack is for tests: it
    takes any free ports, leaves no data behind, and does not survive a power cut.

    What dies stays dead unless somebody runs `watch`.
    """

    def __init__(  # noqa: PLR0913 - each sandbox has options
        self,
        home: Path,
        settings: Mapping[str, str] = NO_SETTINGS,
        parts: Parts = ALL,
        gateway_options: Sequence[str] = (),
        report: Callable[[str], None] = print,
        *,
        mail_options: Sequence[str] = (),
        ephemeral: bool = False,
    ) -> None:
        self.home = Home(home.absolute())
        self._settings = settings
        self._parts = parts
        self._gateway_options = gateway_options
        self._mail_options = mail_options
        self._report = report
        self._ephemeral = ephemeral
        self._lock: IO[bytes] | None = None
        self._record = Record(self.home.record)
        self._ports: Ports | None = None
        self._addresses = Addresses({}, settings)
        self._builder: page.Builder | None = None
        self._supervisor = Supervisor(self._record, report)

    @property
    def env(self) -> Mapping[str, str]:
        """The addresses, and what services need besides; of what was started."""
        return {
            **self._addresses.for_services(self.home, self._gateway_options),
            **self._addresses.for_people(),
        }

    def pid(self, name: str) -> int | None:
        """Return the process id of a part; None when it does not run."""
        return self._supervisor.pid(name)

    def exit_code(self, name: str) -> int | None:
        """Return how a part ended: below zero, by which signal; None while it runs."""
        return self._supervisor.exit_code(name)

    async def start(self) -> None:
        """Start everything, in order, and wait until all of it is ready.

        Raises:
            AlreadyRunning: Another supervisor has this home.
            StackError: Something could not be started; what was is stopped again.
        """
        try:
            self._lock = self.home.lock()
            await self._start()
            self.home.write_addresses(self._addresses.for_people())
        except OSError as error:  # a full disk, a folder that may not be written
            await self.stop()
            message = f"The stack in {self.home.path} could not be started: {error}"
            raise StackError(message) from error
        except BaseException:
            await self.stop()
            raise

    async def kill(self, name: str) -> None:
        """End a part by SIGKILL; it stays down until `begin`."""
        await self._supervisor.kill(name)

    async def end(self, name: str) -> None:
        """End a part in order, in the time that it may take; it stays down until `begin`."""
        await self._supervisor.stop_all([name])

    async def begin(self, name: str, variables: Mapping[str, str] = NO_VARIABLES) -> None:
        """Start a part again, on its port, and wait until it is ready.

        This once it has `variables` in its environment besides.

        Raises:
            StackError: It did not get there.
        """
        await self._supervisor.begin(name, variables)

    async def watch(self) -> None:
        """Start again what dies, with growing pauses, until cancelled."""
        await self._supervisor.watch()

    async def stop(self) -> None:
        """Stop everything, in reverse order; kill what does not end in time."""
        if self._lock is None:
            return
        self._report("stopping …")
        self.home.env.unlink(missing_ok=True)
        if self._builder is not None:
            self._builder.end()
        for wave in reversed(self._waves()):
            await self._supervisor.stop_all(wave)
        if self._ports is not None:
            self._ports.release()
        if self._ephemeral:
            self._remove_data()
        self.home.supervisor.unlink(missing_ok=True)
        self._lock.close()
        self._lock = None

    def kill_all(self) -> None:
        """Send SIGKILL to everything at once; a `stop` that is under way then soon ends."""
        self._supervisor.kill_all()

    def _waves(self) -> list[list[str]]:
        """Return the names, in the order in which they are needed.

        The doors need nobody, and are open before all others; they close with the services.
        """
        stores = [name for name in self._parts if name in (POSTGRES, KAFKA)]
        gateway = [name for name in self._parts if name in (GATEWAY, MAIL)]
        rest = [name for name in self._parts if name not in (*stores, *gateway)]
        return [stores, gateway, rest]

    async def _start(self) -> None:
        self.home.env.unlink(missing_ok=True)
        record_supervisor(self.home)
        await self._end_orphans()
        self._choose_ports()
        stores, gateway, all_others = self._waves()
        rest = [name for name in all_others if name not in DOORS]
        await self._open_doors()
        if stores:
            await self._supervisor.start_all(await self._stores(stores))
        if rest:
            await self._prepare_stores(sorted({service_of(name) for name in rest}))
        await self._supervisor.start_all(self._ours([*gateway, *rest]))
        if DISPATCHER in rest:
            port, token = self._addresses.ports[DISPATCHER], self._settings.get(TOKEN)
            await asyncio.to_thread(follow_sandboxes, port, self._addresses.sandboxes(), token)

    async def _open_doors(self) -> None:
        """Open the doors to the page. Nothing else needs them, so nothing fails if they do."""
        names = [name for name in self._parts if name in DOORS]
        if not names:
            return
        for name, url in self._addresses.doors().items():
            self._report(f"{WHAT_IT_SHOWS[name]}: {url}")
        try:
            log = self.home.log("page")
            self._builder = await asyncio.to_thread(page.prepare, shown(self.home), log)
            parts = [door(self.home, name, self._addresses.ports) for name in names]
            await self._supervisor.start_all(parts)
        except (StackError, OSError) as error:
            self._report(f"The page cannot be shown; all else works without it. {error}")

    async def _end_orphans(self) -> None:
        orphans = await asyncio.to_thread(self._record.end_orphans)
        if orphans:
            names = ", ".join(orphans)
            self._report(f"ended what an earlier supervisor had left behind: {names}")

    def _choose_ports(self) -> None:
        usual = {} if self._ephemeral else USUAL
        self._ports = Ports(self.home.ports, usual)
        others = {KAFKA: ("kafka.controller",), MAIL: (SMTP, SMTPS)}
        names = [*self._parts, *(each for name in self._parts for each in others.get(name, ()))]
        chosen = {name: self._ports.take(name) for name in names}
        self._addresses = Addresses(chosen, self._settings)
        for name, port in chosen.items():
            if usual.get(name, port) != port:
                self._report(f"{name} gets port {port}: {usual[name]} is or was taken")

    async def _stores(self, names: Sequence[str]) -> list[Part]:
        makers = {POSTGRES: self._postgres, KAFKA: self._kafka}
        return [await asyncio.to_thread(makers[name]) for name in names]

    def _postgres(self) -> Part:
        account = unprivileged()
        return postgres(
            postgres_binaries(self.home, account),
            self._postgres_data(),
            self._addresses.ports[POSTGRES],
            self.home.log(POSTGRES),
            account,
            durable=not self._ephemeral,
        )

    def _postgres_data(self) -> Path:
        """Return the folder of PostgreSQL's data directory, which its account can reach."""
        reached = can_enter(self.home.data, unprivileged())
        return self.home.data if reached else fallback_dir(self.home)

    def _kafka(self) -> Part:
        return Broker(
            java=java(),
            jars=kafka_jars(self._report),
            data=self.home.data / KAFKA,
            port=self._addresses.ports[KAFKA],
            controller=self._addresses.ports["kafka.controller"],
            log=self.home.log(KAFKA),
        ).part()

    async def _prepare_stores(self, names: Sequence[str]) -> None:
        begun = time.monotonic()
        migrate = services.python(self.home, "migrate", "shared.migrate", *names, env=self.env)
        topics = services.python(self.home, "topics", "shared.kafka.topics", env=self.env)
        await all_of([run("migrate", migrate), run("topics", topics)])
        self._report(f"databases and topics are ready ({time.monotonic() - begun:.1f} s)")

    def _ours(self, names: Sequence[str]) -> list[Part]:
        ports = self._addresses.ports
        options = self._gateway_options
        makers: dict[str, Callable[[], Part]] = {
            GATEWAY: lambda: services.gateway(self.home, ports[GATEWAY], options),
            MAIL: lambda: services.mail(self.home, ports, self._mail_options),
        }
        return [
            makers[name]()
            if name in makers
            else services.service(self.home, name, ports[name], self.env)
            for name in names
        ]

    def _remove_data(self) -> None:
        shutil.rmtree(self.home.data, ignore_errors=True)
        if self.home.fallback.exists():
            shutil.rmtree(self.home.fallback.read_text(), ignore_errors=True)
            self.home.fallback.unlink()
