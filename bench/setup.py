"""The setup: which gateway the platform under measurement sends through."""

from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS = 256
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Setup:
    """A gateway, and whether services look at their own stacks."""

    is_plain: bool = False  # it recognizes no message: starts are on record before they are made
    connections: int = CONNECTIONS
    latency_ms: tuple[int, int] = (0, 0)  # of its answers: the least, the most
    is_profiled: bool = False
    has_mishaps: bool = False  # about one message in a hundred does not simply pass
    dispatchers: int = 1  # beside each other

    def __post_init__(self) -> None:
        """Check the latency.

        Raises:
            ValueError: The least is above the most, or below 0.
        """
        least, most = self.latency_ms
        if not 0 <= least <= most:
            raise ValueError("a latency is two numbers, the least first: 20-50")

    @property
    def gateway(self) -> str:
        """What the gateway is called in reports."""
        return "plain" if self.is_plain else "idempotent"

    def settings(self, port: int) -> Mapping[str, str]:
        """Return the dispatcher's settings for a sink on `port`."""
        settings = {
            "DISPATCHER_HTTP_GATEWAY_URL": f"http://{HOST}:{port}/messages",
            "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "false" if self.is_plain else "true",
            "DISPATCHER_HTTP_GATEWAY_CONNECTIONS": str(self.connections),
        }
        if self.has_mishaps:  # late is what comes after it: so few connections wait
            settings["DISPATCHER_HTTP_GATEWAY_TIMEOUT"] = "1s"
        return settings

    def sink_options(self, port: int) -> list[str]:
        """Return what `bench.sink` is started with."""
        least, most = self.latency_ms
        options = ["--port", str(port), "--latency", f"{least}-{most}"]
        return [*options, "--mishaps"] if self.has_mishaps else options


def latency(text: str) -> tuple[int, int]:
    """Read `20-50`, or `20` for always the same, in milliseconds.

    Raises:
        ValueError: It is neither.
    """
    least, _, most = text.partition("-")
    return int(least), int(most or least)
