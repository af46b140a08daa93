"""The setup: which gateway the platform under measurement sends through."""

from collections.abc import Mapping
from dataclasses import dataclass

CONNECTIONS = 256
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Setup:
    """A gateway, and whether services look at their own stacks."""

    is_plain: bool = False  # it recognizes no message: starts are on record before they are made
    is_mail: bool = False  # a mail server, which is plain as well
    connections: int = CONNECTIONS
    latency_ms: tuple[int, int] = (0, 0)  # of its answers: the least, the most
    is_profiled: bool = False
    has_mishaps: bool = False  # about one message in a hundred does not simply pass
    dispatchers: int = 1  # beside each other
    cap: str = ""  # of messages to a client
    has_doors: bool = False  # to the page, which is built

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
        if self.is_mail:
            return "smtp"
        return "plain" if self.is_plain else "idempotent"

    def settings(self, port: int, smtp_port: int) -> Mapping[str, str]:
        """Return the dispatcher's settings for a sink on these ports."""
        if self.is_mail:
            return {
                "DISPATCHER_SMTP_GATEWAY_URL": f"smtp://{HOST}:{smtp_port}",
                "DISPATCHER_SMTP_GATEWAY_TLS": "none",
                "DISPATCHER_SMTP_GATEWAY_FROM": "Shop <news@shop.example>",
                "DISPATCHER_SMTP_GATEWAY_CONNECTIONS": str(self.connections),
            }
        settings = {
            "DISPATCHER_HTTP_GATEWAY_URL": f"http://{HOST}:{port}/messages",
            "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "false" if self.is_plain else "true",
            "DISPATCHER_HTTP_GATEWAY_CONNECTIONS": str(self.connections),
        }
        if self.cap:
            settings["DISPATCHER_FREQUENCY_CAP"] = self.cap
        if self.has_mishaps:  # late is what comes after it: so few connections wait
            settings["DISPATCHER_HTTP_GATEWAY_TIMEOUT"] = "1s"
        return settings

    def sink_command(self, port: int, smtp_port: int) -> list[str]:
        """Return the sink's module, and what it is started with."""
        if self.is_mail:
            return ["bench.mail.sink", "--port", str(port), "--smtp-port", str(smtp_port)]
        return ["bench.sink", *self._sink_options(port)]

    def _sink_options(self, port: int) -> list[str]:
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
