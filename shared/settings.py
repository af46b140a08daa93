"""What a service reads from its environment, `.env` and files of secrets, and what it refuses.

What is wrong is refused at start, by name and with the reason: a setting that is misspelled, or
that would stop everything silently, is found before anything relies on it.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from os import environ
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, TypeVar

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.setting_files import (
    ENV_FILE,
    SECRETS_DIR,
    UnreadableFile,
    file_settings,
    secret_settings,
    secrets_folder,
)
from shared.setting_values import (
    ApiToken,
    DatabaseUrl,
    Duration,
    Endpoint,
    Host,
    Names,
    Port,
    Retention,
    Servers,
    TraceExport,
)

S = TypeVar("S", bound=BaseSettings)

MISUSED = 2  # the exit code. Source: shells and argparse, for a command they cannot read

# Not settings, though they begin as ours do: what `./mailings env` exports (of a second replica
# as well), and what Kubernetes and Docker put into each container for the services beside it.
ADDRESS = re.compile(r"([0-9]+_)?URL")
OF_OTHERS = re.compile(r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_.+)?)")
SIMILAR = 0.8  # so HTPP_PORT is a misspelled HTTP_PORT, and DB_PORT the port of a service `db`


class DatabaseSettings(BaseSettings):
    """Where a service's database is."""

    # What is refused is not repeated: an address may have a password in it.
    model_config = SettingsConfigDict(
        frozen=True, hide_input_in_errors=True, env_file=ENV_FILE, extra="ignore"
    )

    database_url: DatabaseUrl = Field(description="postgresql://user@host:port/name")


class ServiceSettings(DatabaseSettings):
    """A value without a default is required; a default is a decision, with its reason.

    Each service puts its prefix before the names, but for those that all services share.
    """

    # Names of earlier releases, and what is to be done instead: refused, never ignored.
    successors: ClassVar[Mapping[str, str]] = MappingProxyType({})

    kafka_servers: Servers = Field(
        validation_alias="KAFKA_SERVERS", description="host:port,host:port"
    )

    # The release: the image has it.
    version: str = Field("dev", validation_alias="MAILINGS_VERSION")

    # Where secrets are files, as containers get them: `SECRETS_DIR/CATALOG_DATABASE_URL`. What is
    # in the environment shows in listings of processes and containers, a file does not.
    secrets_dir: Path | None = Field(None, validation_alias=SECRETS_DIR)

    # Lines of JSON for machines; `console` for people, which a terminal gets by itself.
    log_format: Literal["auto", "json", "console"] = Field("auto", validation_alias="LOG_FORMAT")

    # How long a finished run keeps its messages and attempts; then only its figures stay. Empty:
    # for ever. The dispatcher and stats must have the same. See `docs/failures.md`, Retention.
    run_retention: Retention = Field(
        None,
        validation_alias="RUN_RETENTION",
        ge=timedelta(minutes=1),
        le=timedelta(days=36_500),
    )

    # Where traces are sent to, by OTLP over HTTP, as http://collector:4318; empty: nowhere. The
    # headers, name=value,name=value, may be a file of secrets. All have names of OpenTelemetry.
    trace_endpoint: Endpoint = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    trace_headers: SecretStr = Field(SecretStr(""), validation_alias="OTEL_EXPORTER_OTLP_HEADERS")
    # Which share of the requests is traced, if whoever sends them does not say it. What they lead
    # to is, if they are. And how many spans may wait for the collector; more are dropped.
    trace_ratio: float = Field(1.0, validation_alias="OTEL_TRACES_SAMPLER_ARG", ge=0, le=1)
    trace_queue: int = Field(2048, validation_alias="OTEL_BSP_MAX_QUEUE_SIZE", ge=64, le=1_000_000)

    http_host: Host = "127.0.0.1"  # an image says 0.0.0.0: there the container is the border
    http_port: Port
    # By which browsers and proxies reach it, and whose pages may call it: requests for other names
    # are refused. Addresses, names without a dot and those inside of Kubernetes are known anyway.
    http_names: Names = ""
    # What all who call it must show, from a file as any secret. Without one it answers whoever
    # reaches its port, which is for one's own machine; wherever it must not be forgotten, it is
    # required: then the service does not start without it.
    api_token: ApiToken = None
    api_token_required: bool = False
    # Below the 30 s that Kubernetes grants.
    http_drain: Duration = Field(
        timedelta(seconds=20), ge=timedelta(seconds=1), le=timedelta(minutes=10)
    )

    # What is put there wakes the relay; it looks by itself in case that is lost. At least four
    # times in a lease.
    outbox_poll_interval: Duration = Field(
        timedelta(milliseconds=600), ge=timedelta(milliseconds=1), le=timedelta(seconds=10)
    )
    # How long a relay that has died keeps the next one waiting; a living one renews four times.
    relay_lease: Duration = Field(
        timedelta(seconds=4), ge=timedelta(seconds=1), le=timedelta(minutes=5)
    )

    # How long dead letters and rows that were set aside stay, if nothing waits behind them.
    letter_retention: Duration = Field(
        timedelta(days=90), ge=timedelta(hours=1), le=timedelta(days=3650)
    )

    @property
    def features(self) -> tuple[str, ...]:
        """What is switched on."""
        given = {"token": self.api_token, "retention": self.run_retention}
        return tuple(name for name, value in given.items() if value is not None)

    @property
    def limits(self) -> dict[str, int]:
        """What is taken at most, beside what no setting changes."""
        return {}

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return all names that are set."""
        return (self.http_host, *filter(None, self.http_names.split(",")))

    @property
    def trace_export(self) -> TraceExport | None:
        """Return where traces are sent to; None: nowhere."""
        if self.trace_endpoint is None:
            return None
        headers = self.trace_headers.get_secret_value()
        return TraceExport(str(self.trace_endpoint), headers, self.trace_ratio, self.trace_queue)

    @model_validator(mode="after")
    def _has_its_token(self) -> "ServiceSettings":
        if self.api_token_required and self.api_token is None:
            token, required = (
                variable(type(self), name) for name in ("api_token", "api_token_required")
            )
            raise ValueError(
                f"{token} is missing, and {required} wants it: let a file of that name in "
                f"{SECRETS_DIR} hold one (`openssl rand -hex 32` makes one)"
            )
        return self

    @model_validator(mode="after")
    def _relay_renews_in_time(self) -> "ServiceSettings":
        is_chosen = "outbox_poll_interval" in self.model_fields_set
        if is_chosen and self.relay_lease < 4 * self.outbox_poll_interval:
            lease, interval = (
                variable(type(self), name) for name in ("relay_lease", "outbox_poll_interval")
            )
            raise ValueError(f"{lease} must be four times as long as {interval} at least")
        return self


def variable(kind: type[BaseSettings], name: str, prefix: str | None = None) -> str:
    """Return what a field is called in the environment; an alias is called so itself."""
    if name not in kind.model_fields:
        return name
    own = kind.model_config.get("env_prefix", "") if prefix is None else prefix
    return str(kind.model_fields[name].validation_alias or f"{own}{name}".upper())


def read(kind: type[S], prefix: str | None = None) -> S:
    """Return the settings of the environment, below `prefix` if it is not that of their kind.

    Raises:
        SystemExit: Some are missing, wrong or unknown; a line says so of each, without its value.
    """
    refusals: list[str] = []
    settings: S | None = None
    try:
        folder = secrets_folder()
        found = secret_settings(folder) | file_settings() | dict(environ)
        refusals += _unknown(kind, found)
        settings = kind(_env_prefix=prefix, _secrets_dir=folder)
    except ValidationError as error:
        refusals += _refused(kind, error, prefix)
    except UnreadableFile as error:
        refusals.append(str(error))
    if settings is None or refusals:
        sys.stderr.write("".join(f"{each}\n" for each in refusals))
        raise SystemExit(MISUSED) from None
    return settings


def _refused(
    kind: type[BaseSettings], error: ValidationError, prefix: str | None
) -> Iterator[str]:
    """Yield a line for each field that is missing or wrong."""
    hints = {
        variable(kind, name, prefix): field.description
        for name, field in kind.model_fields.items()
    }
    for each in error.errors(include_input=False):
        names = [variable(kind, str(name), prefix) for name in each["loc"][:1]]  # or several
        reason = each["msg"].removeprefix("Value error, ")
        if each["type"] == "missing":
            reason = f"it is missing; set it as in {hints[names[0]]}"
        yield ": ".join([*names, reason])


def _unknown(kind: type[BaseSettings], found: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each name that begins as those of the service do, and is none of them."""
    prefix = kind.model_config.get("env_prefix", "")
    if not prefix or not issubclass(kind, ServiceSettings):
        return
    known = [variable(kind, name).removeprefix(prefix) for name in kind.model_fields]
    given = {name.upper(): value for name, value in found.items()}
    for name in sorted(each for each in given if each.startswith(prefix)):
        rest = name.removeprefix(prefix)
        if rest in known or ADDRESS.fullmatch(rest):
            continue
        if rest in kind.successors:
            yield f"{name}: it is no setting any more; {kind.successors[rest]}"
            continue
        similar = get_close_matches(rest, known, 1, SIMILAR)
        if OF_OTHERS.fullmatch(rest) and not (similar and given[name].isdecimal()):
            continue
        yield f"{name}: there is no such setting" + "".join(
            f"; {prefix}{each} is meant?" for each in similar
        )
