"""What every service reads from its environment, and what it says when that is wrong."""

import sys
from datetime import timedelta
from typing import Literal, TypeVar

from pydantic import Field, PostgresDsn, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)

MISUSED = 2  # the exit code. Source: what shells and argparse say of a command they cannot read


class DatabaseSettings(BaseSettings):
    """Where a service's database is."""

    # What is refused is not repeated: an address may have a password in it.
    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: PostgresDsn = Field(description="postgresql://user@host:port/name")


class ServiceSettings(DatabaseSettings):
    """A value without a default is required; a default is a decision and says why.

    Each service puts its prefix before the names, but for those that all services share.
    """

    kafka_servers: str = Field(validation_alias="KAFKA_SERVERS", description="host:port,host:port")

    # Lines of JSON for machines; `console` for people, which a terminal gets by itself.
    log_format: Literal["auto", "json", "console"] = Field("auto", validation_alias="LOG_FORMAT")

    http_host: str = "127.0.0.1"  # an image says 0.0.0.0: there the container is the border
    http_port: int
    http_drain: timedelta = timedelta(seconds=20)  # below the 30 s that Kubernetes grants

    # Polling every 100 ms costs a hundredth of a core and is never felt.
    outbox_poll_interval: timedelta = timedelta(milliseconds=100)
    # How long a relay that has died keeps the next one waiting; a living one renews four times.
    relay_lease: timedelta = timedelta(seconds=4)


def variable(kind: type[BaseSettings], name: str, prefix: str | None = None) -> str:
    """Return what a field is called in the environment; an alias is called so itself."""
    if name not in kind.model_fields:
        return name
    own = kind.model_config.get("env_prefix", "") if prefix is None else prefix
    return str(kind.model_fields[name].validation_alias or f"{own}{name}".upper())


def read(kind: type[S], prefix: str | None = None) -> S:
    """Return the settings of the environment, below `prefix` if it is not that of their kind.

    Raises:
        SystemExit: Some are missing or wrong; a line says so of each, without its value.
    """
    try:
        return kind(_env_prefix=prefix)
    except ValidationError as error:
        hints = {
            variable(kind, name, prefix): field.description
            for name, field in kind.model_fields.items()
        }
        for each in error.errors(include_input=False):
            names = [variable(kind, str(name), prefix) for name in each["loc"][:1]]  # or several
            told = each["msg"].removeprefix("Value error, ")
            if each["type"] == "missing":
                told = f"it is missing; set it as in {hints[names[0]]}"
            sys.stderr.write(": ".join([*names, told]) + "\n")
        raise SystemExit(MISUSED) from None
