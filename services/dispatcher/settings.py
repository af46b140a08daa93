"""What the dispatcher reads from its environment, `DISPATCHER_…`."""

from datetime import timedelta
from pathlib import Path

from pydantic import HttpUrl, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

SLACK = timedelta(seconds=2)  # between a request's deadline and the end of its lease: to record it


class Settings(ServiceSettings):
    """What the dispatcher needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="DISPATCHER_")

    http_port: int = 8003

    http_gateway_url: HttpUrl = HttpUrl("http://127.0.0.1:8080/messages")  # the sandbox
    http_gateway_token: SecretStr | None = None
    # Whether it recognizes an Idempotency-Key that it has taken before. No: the careful guess.
    http_gateway_idempotent: bool = False
    # Needed are rate times latency: 64 carry 1,000 messages a second at 64 ms.
    http_gateway_connections: int = 64
    http_gateway_timeout: timedelta = timedelta(seconds=5)  # all of a request, connecting included

    log_gateway_path: Path = Path("messages.log")

    backoff_base: timedelta = timedelta(seconds=2)
    backoff_cap: timedelta = timedelta(minutes=10)

    # How long the messages of a dispatcher that died wait for another one.
    lease: timedelta = timedelta(seconds=15)

    @model_validator(mode="after")
    def _lease_outlasts_requests(self) -> "Settings":
        if self.lease < self.http_gateway_timeout + SLACK:
            raise ValueError(
                f"DISPATCHER_LEASE must outlast DISPATCHER_HTTP_GATEWAY_TIMEOUT by {SLACK}"
            )
        return self
