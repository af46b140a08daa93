"""The services, and what else of ours runs beside them: who is started, with which settings."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.doors import DOORS
from deploy.local.home import PROJECT, Home
from deploy.local.part import Part
from deploy.local.ports import HOST
from deploy.local.postgres import url
from deploy.local.probe import answers_http
from deploy.local.process import Command
from deploy.passwords import password

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")
GATEWAY = "gateway"
# The mail server, and its ports for mails: for STARTTLS, and with TLS from the first byte.
MAIL, SMTP, SMTPS = "mail", "mail.smtp", "mail.smtps"

# A service may take 20 s to bring to an end what it has begun (HTTP_DRAIN), and then some.
STOP_WITHIN_S = 25.0


def service_of(name: str) -> str:
    """Return which service a part is: `dispatcher.2` is a second dispatcher."""
    return name.partition(".")[0]


def variable(name: str) -> str:
    """Return how the names of a part's variables begin: `DISPATCHER_2` for `dispatcher.2`."""
    return name.upper().replace(".", "_")


STORES = ("KAFKA_SERVERS", *(f"{name.upper()}_DATABASE_URL" for name in SERVICES))


@dataclass(frozen=True)
class Addresses:
    """Where everything is, from the ports by name of a part."""

    ports: Mapping[str, int]
    settings: Mapping[str, str]  # of people; they win

    def for_people(self) -> dict[str, str]:
        """Return what `./mailings env` shows: of what runs here, and of what was set."""
        ours = [name for name in self.ports if service_of(name) in (*SERVICES, GATEWAY)]
        ours += [MAIL] if MAIL in self.ports else []
        web = {f"{variable(name)}_URL": f"http://{HOST}:{self.ports[name]}" for name in ours}
        doors = {f"{name.upper()}_URL": url for name, url in self.doors().items()}
        return doors | web | self._stores()

    def doors(self) -> dict[str, str]:
        """Return where the page is, for everybody and for those who run it."""
        here = [name for name in DOORS if name in self.ports]
        return {name: f"http://{HOST}:{self.ports[name]}" for name in here}

    def for_services(self, home: Home, gateway_options: Sequence[str]) -> dict[str, str]:
        """Return the settings of all services; each replica has a port besides."""
        given = {
            "DISPATCHER_PRIVATE_GATEWAYS": "true",  # the sandbox is on this machine
            "DISPATCHER_LOG_GATEWAY_PATH": str(home.data / "messages.log"),
            "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": str("--idempotent" in gateway_options).lower(),
        }
        if "postgres" in self.ports:
            given["POSTGRES_URL"] = url(self.ports["postgres"], "postgres")
        sandboxes = self.sandboxes()
        if "http" in sandboxes:
            given["DISPATCHER_HTTP_GATEWAY_URL"] = sandboxes["http"]
        if "smtp" in sandboxes:
            given |= {
                "DISPATCHER_SMTP_GATEWAY_URL": sandboxes["smtp"],
                "DISPATCHER_SMTP_GATEWAY_FROM": "Sandbox <news@sandbox.example>",
                "DISPATCHER_SMTP_GATEWAY_TLS": "none",
            }
        for name in SERVICES:
            if name in self.ports:
                given[f"{name.upper()}_HTTP_PORT"] = str(self.ports[name])
        if "catalog" in self.ports:
            given |= self._keys(home)
        return {**given, **self._stores(), **self.settings}

    def _keys(self, home: Home) -> dict[str, str]:
        """Return the keys of contacts and of links to unsubscribe, which are made once."""
        return {
            "CATALOG_CONTACT_KEYS": password(home.data / "contact_keys"),
            "UNSUBSCRIBE_KEYS": password(home.data / "unsubscribe_keys"),
            "UNSUBSCRIBE_URL": f"http://{HOST}:{self.ports['catalog']}",
        }

    def sandboxes(self) -> dict[str, str]:
        """Return the URLs of the sandboxes by the gateways that go to them, unless people say."""
        urls = {}
        if GATEWAY in self.ports and "DISPATCHER_HTTP_GATEWAY_URL" not in self.settings:
            urls["http"] = f"http://{HOST}:{self.ports[GATEWAY]}/messages"
        if SMTP in self.ports and "DISPATCHER_SMTP_GATEWAY_URL" not in self.settings:
            urls["smtp"] = f"smtp://{HOST}:{self.ports[SMTP]}"
        return urls

    def _stores(self) -> dict[str, str]:
        stores = {}
        if "kafka" in self.ports:
            stores["KAFKA_SERVERS"] = f"{HOST}:{self.ports['kafka']}"
        if "postgres" in self.ports:
            port = self.ports["postgres"]
            stores |= {f"{name.upper()}_DATABASE_URL": url(port, name) for name in SERVICES}
        return stores | {name: self.settings[name] for name in STORES if name in self.settings}


def python(home: Home, name: str, module: str, *arguments: str, env: Mapping[str, str]) -> Command:
    """Return the command that runs one of our modules."""
    return Command(
        arguments=[sys.executable, "-m", module, *arguments],
        log=home.log(name),
        environment={**os.environ, **env},
        folder=PROJECT,
    )


def service(home: Home, name: str, port: int, env: Mapping[str, str]) -> Part:
    """Describe one replica of a service."""
    of = service_of(name)
    own = {f"{of.upper()}_HTTP_PORT": str(port)}

    async def is_ready() -> bool:
        return await answers_http(port, "/livez") and await answers_http(port, "/readyz")

    return Part(
        name=name,
        command=python(home, name, f"services.{of}", env={**env, **own}),
        is_ready=is_ready,
        stop_within_s=STOP_WITHIN_S,
    )


def gateway(home: Home, port: int, options: Sequence[str]) -> Part:
    """Describe the sandbox gateway."""
    ledger = str(home.data / "gateway.ledger")
    arguments = ("--port", str(port), "--ledger", ledger, *options)

    async def is_ready() -> bool:
        return await answers_http(port, "/livez")

    return Part(
        name=GATEWAY,
        command=python(home, GATEWAY, "deploy.local.gateway", *arguments, env={}),
        is_ready=is_ready,
    )


def mail(home: Home, ports: Mapping[str, int], options: Sequence[str]) -> Part:
    """Describe the sandbox mail server."""
    port = ports[MAIL]
    ledger = str(home.data / "mail.ledger")
    doors = ("--smtp-port", str(ports[SMTP]), "--smtps-port", str(ports[SMTPS]))
    arguments = ("--port", str(port), *doors, "--ledger", ledger, *options)

    async def is_ready() -> bool:
        return await answers_http(port, "/livez")

    return Part(
        name=MAIL,
        command=python(home, MAIL, "deploy.local.mail", *arguments, env={}),
        is_ready=is_ready,
    )
