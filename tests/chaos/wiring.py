"""The wiring: which links there are between the services and what they need."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.local.home import Home
from deploy.local.ports import HOST, Ports
from deploy.local.postgres import url
from deploy.local.services import SERVICES, SMTP
from tests.chaos.links import Link, broker_at

KAFKA = "services-kafka"
# By the gateway: the link, and the part that listens behind it.
GATEWAYS = {
    "http": ("dispatcher-gateway", "gateway"),
    "plain": ("dispatcher-plain", "plain"),
    "smtp": ("dispatcher-mail", SMTP),
}


def to_postgres(service: str) -> str:
    """Return the name of a service's link to its database."""
    return f"{service}-postgres"


class Wiring:
    """All links, by name: `dispatcher-postgres` is that of all dispatchers to their database."""

    def __init__(self, home: Path) -> None:
        self._notes = (Home(home).ports, home / "plain" / "ports.json")
        self._ports: dict[str, int] = {}
        self.links = {to_postgres(each): Link(self._port_of("postgres")) for each in SERVICES}
        self.links |= {name: Link(self._port_of(part)) for name, part in GATEWAYS.values()}
        self.links[KAFKA] = Link(self._port_of("kafka"), self._rewrite)

    def _port_of(self, part: str) -> Callable[[], int]:
        return partial(self.port_of, part)

    def port_of(self, part: str) -> int:
        """Return where a part listens, which was started after the links."""
        if part not in self._ports:
            for note in self._notes:
                self._ports |= Ports(note, {}).kept
        return self._ports[part]

    def _rewrite(self, data: bytes) -> bytes:
        return broker_at(self.port_of("kafka"), self.links[KAFKA].port)(data)

    async def open(self) -> None:
        """Let all links listen."""
        for each in self.links.values():
            await each.open()

    async def close(self) -> None:
        """End all links."""
        for each in self.links.values():
            await each.close()

    def settings(self) -> dict[str, str]:
        """Return how the services are told to go through links."""
        stores = {
            f"{each.upper()}_DATABASE_URL": url(self.links[to_postgres(each)].port, each)
            for each in SERVICES
        }
        return {**stores, "KAFKA_SERVERS": f"{HOST}:{self.links[KAFKA].port}"}

    def gateway_port(self, gateway: str) -> int:
        """Return the port of the link to a gateway."""
        return self.links[GATEWAYS[gateway][0]].port
