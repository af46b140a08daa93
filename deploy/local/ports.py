"""The ports: which number each part listens on."""

import json
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from deploy.local.errors import StackError
from deploy.local.home import replace_text

HOST = "127.0.0.1"

USUAL: Mapping[str, int] = MappingProxyType({
    "postgres": 15432,
    "kafka": 19092,
    "kafka.controller": 19093,
    "catalog": 8001,
    "scheduler": 8002,
    "dispatcher": 8003,
    "stats": 8004,
    "web": 8000,
    "admin": 8090,
    "gateway": 8080,
    "mail": 8025,
    "mail.smtp": 1025,
    "mail.smtps": 1465,
})  # fmt: skip

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_FREE = 20_000
TRIES = 1_000


class Ports:
    """Numbers by name, ours until they are released or the process is gone.

    Each comes from the last time, from `usual`, or is any free one; whatever is free first.
    """

    def __init__(self, note: Path, usual: Mapping[str, int] = USUAL) -> None:
        self._note = note
        self._usual = usual
        self._kept: dict[str, int] = {}
        with suppress(FileNotFoundError):
            self._kept = json.loads(note.read_text())
        self._held: dict[int, socket.socket] = {}
        self._random = random.Random()  # noqa: S311 (no secret)

    def take(self, name: str) -> int:
        """Return a port for `name` that nothing listens on.

        Raises:
            StackError: There is none.
        """
        wanted = (self._kept.get(name), self._usual.get(name))
        for port in (*filter(None, wanted), *self._free()):
            if self._hold(port):
                self._kept[name] = port
                replace_text(self._note, json.dumps(self._kept, indent=1))
                return port
        message = f"No port is free for {name}."
        raise StackError(message)

    @property
    def kept(self) -> Mapping[str, int]:
        """The numbers that were chosen, this time or the last."""
        return MappingProxyType(self._kept)

    def release(self) -> None:
        """Let others have them; the note of which they were stays."""
        while self._held:
            self._held.popitem()[1].close()

    def _hold(self, port: int) -> bool:
        """Keep a port from other stacks, between now and when the part listens.

        What is bound for that is the UDP port of the same number: it is in nobody's way, two
        stacks cannot both have it, and it is free again when the process is gone.
        """
        if port in self._held or not is_free(port):
            return False
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind((HOST, port))
        except OSError:
            mark.close()
            return False
        self._held[port] = mark
        return True

    def _free(self) -> list[int]:
        """Return candidates, in any order.

        Below the range that outgoing connections take their numbers from: there a client that
        tries again and again while its server is down may get the server's port, even connect
        to itself.
        """
        highest = 32_768
        with suppress(FileNotFoundError):
            highest = int(EPHEMERAL.read_text().split()[0])
        if highest < LOWEST_FREE + TRIES:
            highest = 60_000
        return self._random.sample(range(LOWEST_FREE, highest), TRIES)


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
        except OSError:
            return False
    return True
