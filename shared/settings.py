"""What every service reads from its environment."""

from datetime import timedelta
from typing import Literal

from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """A value without a default is required; a default is a decision and says why.

    Each service puts its prefix before the names, but for those that all services share.
    """

    # What is refused is not repeated: an address may have a password in it.
    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: PostgresDsn
    kafka_servers: str = Field(validation_alias="KAFKA_SERVERS")  # host:port,host:port

    # Lines of JSON for machines; `console` for people, which a terminal gets by itself.
    log_format: Literal["auto", "json", "console"] = Field("auto", validation_alias="LOG_FORMAT")

    http_host: str = "127.0.0.1"  # an image says 0.0.0.0: there the container is the border
    http_port: int
    http_drain: timedelta = timedelta(seconds=20)  # below the 30 s that Kubernetes grants

    # Polling every 100 ms costs a hundredth of a core and is never felt.
    outbox_poll_interval: timedelta = timedelta(milliseconds=100)
    # How long a relay that has died keeps the next one waiting; a living one renews four times.
    relay_lease: timedelta = timedelta(seconds=4)
