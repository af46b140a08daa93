"""Descriptions of gateways: what their owner says of them, in a request, a file or an event.

A description holds no secret, only where one is read: so it may be stored, shown and published.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, model_validator

from services.dispatcher.domain.contact import Channel
from services.dispatcher.gateways.addresses import check_host
from services.dispatcher.gateways.http.description import AnswerRules, LookUp, Request
from services.dispatcher.gateways.http.template import OWN_ID, names_in, secrets_in
from services.dispatcher.gateways.http.url import parse_url
from services.dispatcher.gateways.log_file import Rotation
from services.dispatcher.gateways.parts import Part, SecretRef
from services.dispatcher.gateways.smtp import endpoint as smtp
from services.dispatcher.gateways.smtp.address import AddressInvalid, named_address, normalized

# What may be in a name: it stands in addresses, metrics and files.
NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST_NAME = 40


def _http_url(url: str) -> str:
    check_host(parse_url(url).endpoint.host, allows_private=True)
    return url


def _smtp_url(url: str) -> str:
    check_host(smtp.parse_endpoint(url).host, allows_private=True)
    return url


def _sender(text: str) -> str:
    named_address(text)
    return text


def _allowed_sender(text: str) -> str:
    """Check an address, or a domain such as `@shop.example`."""
    try:
        normalized(f"any{text}" if text.startswith("@") else text)
    except AddressInvalid:
        raise ValueError("it is an address, or a domain as in @shop.example") from None
    return text


SecretName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http_url)]
SmtpUrl: TypeAlias = Annotated[str, Field(max_length=4_000), AfterValidator(_smtp_url)]
MailAddress: TypeAlias = Annotated[str, Field(max_length=1_000), AfterValidator(_sender)]
AllowedSender: TypeAlias = Annotated[str, Field(max_length=1_000), AfterValidator(_allowed_sender)]


class Common(Part):
    """What every gateway's description has."""

    # All of an attempt, connecting included.
    timeout_s: float = Field(5, ge=0.1, le=300)
    connect_timeout_s: float = Field(2, ge=0.1, le=60)
    # Of each dispatcher. Needed are rate times latency: 64 carry 1,000 a second at 64 ms.
    max_connections: int = Field(64, ge=1, le=10_000)
    # Messages a second, of all dispatchers together; none: as many as it takes.
    rate: float | None = Field(None, ge=0.01, le=1_000_000)
    burst: int | None = Field(None, ge=1, le=1_000_000)
    # Whether it gets once more what may have arrived, if it does not recognize it.
    resends_unknown: bool = True

    @model_validator(mode="after")
    def _burst_has_rate(self) -> "Common":
        if self.burst is not None and self.rate is None:
            raise ValueError("a burst needs a rate")
        return self


class HttpDescription(Common):
    """An HTTP API that takes one message by one request.

    Without `request` and `answer` it has our own contract.
    """

    kind: Literal["http"]
    url: HttpUrl = Field(examples=["https://sms.example/messages"], max_length=4_000)
    # Sent as `Authorization: Bearer`.
    token: SecretRef | None = None
    # Sent as `Authorization: Basic`.
    user: str | None = Field(None, pattern=r"^[^\x00-\x1f\x7f:]+$")
    password: SecretRef | None = None
    # What templates have as `{{ secrets.NAME }}`.
    secrets: dict[SecretName, SecretRef] = Field(default={}, max_length=20)
    request: Request | None = None
    answer: AnswerRules | None = None
    # Asked before a message is sent again that may have arrived.
    lookup: LookUp | None = None
    # What it needs of a client.
    contact: Literal["phone", "email"] = "phone"
    # What templates have as `{{ sender }}`.
    sender: str | None = Field(None, min_length=1, max_length=200)
    # Whom else mailings may name as their sender: addresses, or domains.
    allowed_senders: tuple[AllowedSender, ...] = Field((), max_length=1_000)
    # How many bits `{{ numeric_id }}` has at most: 53 are what JavaScript keeps of a number.
    numeric_id_bits: int = Field(63, ge=31, le=63)
    # Whether it recognizes an Idempotency-Key that it has taken before.
    idempotent: bool = False
    # Which of 500 and 503 say that it has not taken the message.
    not_taken: frozenset[Literal[500, 503]] = Field(frozenset({500, 503}), max_length=2)

    @model_validator(mode="after")
    def _has_one_login(self) -> "HttpDescription":
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        headers = [*(self.request.headers if self.request else ())]
        headers += self.lookup.headers if self.lookup else ()
        has_header = "authorization" in {name.lower() for name in headers}
        if [self.token is not None, self.user is not None, has_header].count(True) > 1:
            raise ValueError("it has one login: token, user or a header Authorization")
        return self

    @model_validator(mode="after")
    def _templates_fit(self) -> "HttpDescription":
        if self.request is None and names_in(self.url):
            raise ValueError("a URL with values needs a request")
        templates = [self.url, *(self.request.templates if self.request else ())]
        if self.lookup is not None:
            origins = {parse_url(each, OWN_ID).origin for each in (self.url, *self.lookup.urls)}
            if len(origins) > 1:
                raise ValueError("a look-up is asked of the same scheme, host and port")
            templates += [*self.lookup.urls, *self.lookup.headers.values()]
        if not self.secrets.keys() >= {name for each in templates for name in secrets_in(each)}:
            raise ValueError("a template names a secret that is not among the secrets")
        return self

    @model_validator(mode="after")
    def _lookup_fits(self) -> "HttpDescription":
        if self.answer is not None and self.answer.pending and self.lookup is None:
            raise ValueError("what is pending needs a lookup, which says what came of it")
        by_own_id = self.lookup is not None and self.lookup.url_by_own_id is not None
        if by_own_id and (self.answer is None or self.answer.id is None):
            raise ValueError("url_by_own_id needs answer.id, where the provider's own id stands")
        return self


class SmtpDescription(Common):
    """A mail server."""

    kind: Literal["smtp"]
    url: SmtpUrl = Field(examples=["smtps://mail.example:465"])
    # Unset: implicit for smtps://, starttls for smtp://, which sends nothing to a server without.
    tls: smtp.Tls | None = None
    sender: MailAddress = Field(examples=["Shop <news@shop.example>"])
    # Whom else mailings may name as their sender: addresses, or domains.
    allowed_senders: tuple[AllowedSender, ...] = Field(
        (), max_length=1_000, examples=[["sale@shop.example", "@books.example"]]
    )
    # Where answers are to go, if not to the sender.
    reply_to: MailAddress | None = Field(None, examples=["Shop <help@shop.example>"])
    user: str | None = Field(None, min_length=1, pattern=r"^[^\x00]*$")
    # Shown by AUTH PLAIN or LOGIN.
    password: SecretRef | None = None
    # An access token of OAuth 2.0, in the place of a password; shown by AUTH XOAUTH2.
    token: SecretRef | None = None
    timeout_s: float = Field(10, ge=0.1, le=300)
    # Servers bound how many one sender may have: 50 in Postfix, unless it is told otherwise.
    max_connections: int = Field(16, ge=1, le=10_000)
    # How long a connection is used.
    mails_per_connection: int = Field(500, ge=1, le=1_000_000)
    connection_age_s: float = Field(300, ge=1, le=86_400)

    @model_validator(mode="after")
    def _login_fits(self) -> "SmtpDescription":
        endpoint = smtp.parse_endpoint(self.url, self.tls)
        secrets = [self.password is not None, self.token is not None].count(True)
        if (self.user is not None) != (secrets == 1):
            raise ValueError("user and password go together, or user and token")
        if self.user is not None:
            login = smtp.Login(self.user, "", is_token=self.token is not None)
            smtp.check_login(endpoint, login)
        return self


class LogDescription(Common):
    """A file on each dispatcher's disk: for tests, and for those who read it there."""

    kind: Literal["log"]
    path: str = Field(pattern=r"^[^\x00]+$", examples=["/var/lib/mailings/messages.log"])
    # None: it grows for ever. Each dispatcher keeps so many before it as PATH.1, PATH.2, …
    max_bytes: int | None = Field(None, ge=1_000, le=2**50, examples=[100_000_000])
    keep: int = Field(5, ge=1, le=1_000)

    @property
    def rotation(self) -> Rotation | None:
        """When its file is replaced."""
        return None if self.max_bytes is None else Rotation(self.max_bytes, self.keep)


Described: TypeAlias = HttpDescription | SmtpDescription | LogDescription
Description: TypeAlias = Annotated[Described, Field(discriminator="kind")]  # as it comes in
_DESCRIPTION: TypeAdapter[Described] = TypeAdapter(Description)


def check_destination(description: Described, *, allows_private: bool) -> None:
    """Check what can be said of a gateway's address before it is connected to.

    Raises:
        AddressRefused: Nothing is sent there.
    """
    host: str | None = None
    if isinstance(description, HttpDescription):
        host = parse_url(description.url).endpoint.host
    elif isinstance(description, SmtpDescription):
        host = smtp.parse_endpoint(description.url, description.tls).host
    if host is not None:
        check_host(host, allows_private=allows_private)


def channel_of(description: Described) -> Channel:
    """Return what a described gateway needs of a client."""
    match description:
        case HttpDescription():
            return Channel(contact=description.contact)
        case SmtpDescription():
            return Channel(contact="email")
        case LogDescription():
            return Channel(contact=None)


# What changes how fast messages go, but not what arrives: a message whose outcome is unknown is
# repeated under the newest of these, and under all others as it was sent.
LIMITS = (
    *("timeout_s", "connect_timeout_s", "max_connections", "rate", "burst", "resends_unknown"),
    *("mails_per_connection", "connection_age_s", "max_bytes", "keep"),
)


def references(part: BaseModel) -> list[SecretRef]:
    """Return all references to secrets in a description, in order."""
    if isinstance(part, SecretRef):
        return [part]
    return [found for _, value in part for each in _members(value) for found in references(each)]


def _members(value: object) -> list[BaseModel]:
    """Return the parts that a field's value has."""
    if isinstance(value, BaseModel):
        return [value]
    if isinstance(value, Mapping):
        return [each for member in value.values() for each in _members(member)]
    if isinstance(value, list | tuple):
        return [each for member in value for each in _members(member)]
    return []


def read(description: dict[str, Any]) -> Described:
    """Return a stored description; what a newer release has added is ignored.

    Raises:
        pydantic.ValidationError: It cannot be read.
    """
    return _DESCRIPTION.validate_python(description, extra="ignore")


def written(description: Described) -> dict[str, Any]:
    """Return a description as it is stored: what was not said is not there."""
    return description.model_dump(mode="json", exclude_defaults=True) | {"kind": description.kind}
