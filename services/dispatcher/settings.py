"""What the dispatcher reads from its environment, `DISPATCHER_…`."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.dispatcher.domain.cap import Caps, caps_from
from services.dispatcher.domain.due import PlatformTimes
from services.dispatcher.gateways.description import (
    Described,
    HttpDescription,
    LogDescription,
    SmtpDescription,
)
from services.dispatcher.gateways.http.contract import NOT_TAKEN
from services.dispatcher.gateways.http.endpoint import check_token, parse_endpoint
from services.dispatcher.gateways.parts import SecretRef
from services.dispatcher.gateways.smtp import endpoint as smtp
from services.dispatcher.gateways.smtp.address import named_address
from shared.contracts.timing import QuietHours
from shared.link_settings import LinkSettings
from shared.schedule import canonical_zone, read_time, why_refused
from shared.setting_values import Duration, Port

# Where the secrets of the gateways that settings describe are read.
HTTP_TOKEN = "DISPATCHER_HTTP_GATEWAY_TOKEN"  # noqa: S105 - a setting's name
SMTP_PASSWORD = "DISPATCHER_SMTP_GATEWAY_PASSWORD"  # noqa: S105 - the same

SLACK = timedelta(seconds=2)  # between a request's deadline and the end of its lease: to record it


def _has_host(url: object) -> object:
    """Check before pydantic reads it, which takes the first part of a path for a missing host."""
    if isinstance(url, str) and not re.match(r"https?://[^/\\?#]", url, re.IGNORECASE):
        raise ValueError("a gateway's URL starts with http://host or https://host")
    return url


def _is_endpoint(url: HttpUrl) -> HttpUrl:
    parse_endpoint(str(url))
    return url


def _is_sendable(token: SecretStr) -> SecretStr:
    check_token(token.get_secret_value())
    return token


def _is_smtp(url: str) -> str:
    smtp.parse_endpoint(url)
    return url


def _is_sender(text: str) -> str:
    named_address(text)
    return text


def _is_quiet(text: str) -> str:
    """Check that hours are written as in 21:00-09:00."""
    begins, _, ends = text.partition("-")
    try:
        read_time(begins), read_time(ends)
    except ValueError:
        raise ValueError("quiet hours are written as in 21:00-09:00") from None
    return text


def _is_zone(name: str) -> str:
    if refusal := why_refused(name):
        raise ValueError(refusal)
    return canonical_zone(name)


def _is_writable(path: Path) -> Path:
    """Check that a file can be written there: messages to nowhere would be tried for ever."""
    if path.is_dir():
        raise ValueError("a file is needed, not a folder")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(
            "it cannot be written there: is its folder there, and may we write in it?"
        )
    return path


def _statuses(text: str) -> str:
    statuses = [each.strip() for each in text.split(",")] if text.strip() else []
    if not set(statuses) <= set(map(str, NOT_TAKEN)):
        raise ValueError("500, 503, both (500,503) or nothing is needed")
    return ",".join(statuses)


GatewayUrl: TypeAlias = Annotated[
    HttpUrl, BeforeValidator(_has_host), AfterValidator(_is_endpoint)
]
GatewayToken: TypeAlias = Annotated[SecretStr, AfterValidator(_is_sendable)]
SmtpUrl: TypeAlias = Annotated[str, AfterValidator(_is_smtp)]
MailAddress: TypeAlias = Annotated[str, AfterValidator(_is_sender)]
MailUser: TypeAlias = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
WritableFile: TypeAlias = Annotated[Path, AfterValidator(_is_writable)]


Statuses: TypeAlias = Annotated[str, AfterValidator(_statuses)]


def _caps(text: str) -> str:
    caps_from(text)
    return text


class Settings(LinkSettings):
    """What the dispatcher needs beyond what every service needs."""

    model_config = SettingsConfigDict(env_prefix="DISPATCHER_")

    http_port: Port = 8003

    # All of gateways: read at the first start, where there never was a gateway `http`, `smtp` or
    # `log`; from then on `./mailings gateways apply` changes them. The default is the sandbox.
    http_gateway_url: GatewayUrl = HttpUrl("http://127.0.0.1:8080/messages")
    http_gateway_token: GatewayToken | None = None
    # Whether it recognizes an Idempotency-Key that it has taken before. No: the careful guess.
    http_gateway_idempotent: bool = False
    # Which of 500 and 503 say that it has not taken the message. For one that may take it and fail
    # then, leave them out: the outcome is unknown, and the next setting holds.
    http_gateway_not_taken: Statuses = "500,503"
    # Whether one that is not idempotent gets once more what may have arrived: once in a while a
    # message comes twice. No: then such a message is undetermined, and may never have come.
    http_gateway_resends_unknown: bool = True
    # Needed are rate times latency: 64 carry 1,000 messages a second at 64 ms.
    http_gateway_connections: int = Field(64, ge=1, le=10_000)
    # All of a request, connecting included.
    http_gateway_timeout: Duration = Field(
        timedelta(seconds=5), ge=timedelta(milliseconds=100), le=timedelta(minutes=5)
    )

    # The gateway `smtp` is there if this is set: smtp://host:port or smtps://host:port.
    smtp_gateway_url: SmtpUrl | None = None
    # The sender of all mails: Shop <news@shop.example>
    smtp_gateway_from: MailAddress | None = None
    smtp_gateway_user: MailUser | None = None
    smtp_gateway_password: SecretStr | None = None
    # starttls, implicit or none. Unset: implicit for smtps://, starttls for smtp://, which sends
    # nothing to a server without it.
    smtp_gateway_tls: smtp.Tls | None = None
    smtp_gateway_resends_unknown: bool = True  # as for HTTP
    # Servers bound how many one sender may have: 50 in Postfix, unless it is told otherwise.
    smtp_gateway_connections: int = Field(16, ge=1, le=10_000)
    # All of a mail, connecting, TLS and login included.
    smtp_gateway_timeout: Duration = Field(
        timedelta(seconds=10), ge=timedelta(milliseconds=100), le=timedelta(minutes=5)
    )

    # Whether gateways may be in private networks, this machine itself among them. Then whoever may
    # describe a gateway can reach what is for nobody else there.
    private_gateways: bool = False

    log_gateway_path: WritableFile = Path("messages.log")

    # Whether plain results are recorded and published by the block, and starts by the chunk.
    # Off while dispatchers or stats of a release without blocks run beside this one, and for
    # readers that do not know them.
    packed: bool = True

    backoff_base: Duration = Field(
        timedelta(seconds=2), ge=timedelta(milliseconds=10), le=timedelta(hours=1)
    )
    backoff_cap: Duration = Field(
        timedelta(minutes=10), ge=timedelta(milliseconds=10), le=timedelta(days=1)
    )

    # How long the messages of a dispatcher that died wait for another one.
    lease: Duration = Field(timedelta(seconds=15), gt=timedelta(), le=timedelta(hours=1))

    # At which hours nothing of a mailing begins that says nothing of that itself and is not
    # critical, as in 21:00-09:00, on the clock of each client. It holds for runs that begin later.
    quiet_hours: Annotated[str, AfterValidator(_is_quiet)] | None = None

    # The zone of mailings that name none, and of their clients of whom none is known.
    zone: Annotated[str, AfterValidator(_is_zone)] = "UTC"

    # How many messages a client may get in how many days, as all=5/7d,marketing=3/7d: of a class,
    # or of all together; what is over ends as suppressed. Critical messages are exempt and do not
    # count. All dispatchers must have the same. Empty: as many as there are.
    frequency_cap: Annotated[str, AfterValidator(_caps)] = ""

    # One of so many requests to gateways gets a span, where traces are sent; failures as well, up
    # to ten a second.
    traced_one_in: int = Field(1_000, ge=1, le=1_000_000_000)

    @property
    def caps(self) -> Caps:
        """How many messages a client may get."""
        return caps_from(self.frequency_cap)

    @property
    def features(self) -> tuple[str, ...]:
        """What is switched on."""
        own = {"packed": self.packed, "idempotent_gateway": self.http_gateway_idempotent}
        return (*super().features, *(name for name, is_on in own.items() if is_on))

    @property
    def platform_times(self) -> PlatformTimes:
        """When messages are due where a mailing says nothing."""
        begins, _, ends = (self.quiet_hours or "").partition("-")
        hours = QuietHours(begins=begins, ends=ends) if self.quiet_hours else None
        return PlatformTimes(hours, self.zone)

    @property
    def limits(self) -> dict[str, int]:
        """What is taken at most, beside what no setting changes."""
        return {"http_gateway_connections": self.http_gateway_connections}

    @property
    def described_gateways(self) -> dict[str, Described]:
        """The gateways that these settings describe, by name."""
        described: dict[str, Described] = {
            "http": self._described_http(),
            "log": LogDescription(kind="log", path=str(self.log_gateway_path)),
        }
        if self.smtp_gateway_url is not None:
            described["smtp"] = self._described_smtp(self.smtp_gateway_url)
        return described

    def _described_http(self) -> HttpDescription:
        has_token = self.http_gateway_token is not None
        return HttpDescription(
            kind="http",
            url=str(self.http_gateway_url),
            token=SecretRef(env=HTTP_TOKEN) if has_token else None,
            idempotent=self.http_gateway_idempotent,
            not_taken=NOT_TAKEN
            & set(map(int, filter(None, self.http_gateway_not_taken.split(",")))),
            resends_unknown=self.http_gateway_resends_unknown,
            max_connections=self.http_gateway_connections,
            timeout_s=self.http_gateway_timeout.total_seconds(),
        )

    def _described_smtp(self, url: str) -> SmtpDescription:
        has_password = self.smtp_gateway_password is not None
        return SmtpDescription(
            kind="smtp",
            url=url,
            tls=self.smtp_gateway_tls,
            sender=self.smtp_gateway_from or "",
            user=self.smtp_gateway_user,
            password=SecretRef(env=SMTP_PASSWORD) if has_password else None,
            resends_unknown=self.smtp_gateway_resends_unknown,
            max_connections=self.smtp_gateway_connections,
            timeout_s=self.smtp_gateway_timeout.total_seconds(),
        )

    @model_validator(mode="after")
    def _smtp_fits_together(self) -> "Settings":
        if self.smtp_gateway_url is None:
            return self
        if self.smtp_gateway_from is None:
            raise ValueError("DISPATCHER_SMTP_GATEWAY_FROM is needed where mails are sent")
        user, password = self.smtp_gateway_user, self.smtp_gateway_password
        if (user is None) != (password is None):
            raise ValueError(
                "DISPATCHER_SMTP_GATEWAY_USER and DISPATCHER_SMTP_GATEWAY_PASSWORD go together"
            )
        endpoint = smtp.parse_endpoint(self.smtp_gateway_url, self.smtp_gateway_tls)
        if user is not None and password is not None:
            smtp.check_login(endpoint, smtp.Login(user, password.get_secret_value()))
        if self.lease < self.smtp_gateway_timeout + SLACK:
            raise ValueError(
                f"DISPATCHER_LEASE must outlast DISPATCHER_SMTP_GATEWAY_TIMEOUT by {SLACK}"
            )
        return self

    @model_validator(mode="after")
    def _durations_fit_together(self) -> "Settings":
        if self.lease < self.http_gateway_timeout + SLACK:
            raise ValueError(
                f"DISPATCHER_LEASE must outlast DISPATCHER_HTTP_GATEWAY_TIMEOUT by {SLACK}"
            )
        if self.backoff_cap < self.backoff_base:
            raise ValueError("DISPATCHER_BACKOFF_CAP must not be below DISPATCHER_BACKOFF_BASE")
        return self
