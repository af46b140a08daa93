"""What can be said of a gateway: whether its failures are certain, and what follows if not."""

import pytest
from pydantic import ValidationError

from services.dispatcher.gateways.description import HttpDescription, SmtpDescription
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Tls, parse_endpoint
from services.dispatcher.settings import Settings


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    base = {
        "KAFKA_SERVERS": "localhost:9092",
        "DISPATCHER_DATABASE_URL": "postgresql://me@localhost:5432/dispatcher",
    }
    for name, value in (base | values).items():
        monkeypatch.setenv(name, value)
    return Settings()


def described_http(settings: Settings) -> HttpDescription:
    described = settings.described_gateways["http"]
    assert isinstance(described, HttpDescription)
    return described


def described_smtp(settings: Settings) -> SmtpDescription:
    described = settings.described_gateways["smtp"]
    assert isinstance(described, SmtpDescription)
    return described


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("500,503", {500, 503}),
        (" 503 , 500 ", {500, 503}),
        ("500", {500}),
        ("503", {503}),
        ("", set()),
        (" ", set()),
    ],
)
def test_a_gateway_says_which_failures_mean_not_taken(
    monkeypatch: pytest.MonkeyPatch, text: str, statuses: set[int]
) -> None:
    settings = read(monkeypatch, DISPATCHER_HTTP_GATEWAY_NOT_TAKEN=text)

    assert described_http(settings).not_taken == statuses


def test_without_a_word_500_and_503_mean_not_taken_and_unknowns_go_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read(monkeypatch)

    described = described_http(settings)
    assert described.not_taken == {500, 503}
    assert described.resends_unknown


@pytest.mark.parametrize("text", ["502", "500;503", "500,", "all", "500,504", "5xx"])
def test_no_other_failure_can_be_said_to_mean_not_taken(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    with pytest.raises(ValidationError, match="500, 503"):
        read(monkeypatch, DISPATCHER_HTTP_GATEWAY_NOT_TAKEN=text)


MAIL = {
    "DISPATCHER_SMTP_GATEWAY_URL": "smtp://mail.example",
    "DISPATCHER_SMTP_GATEWAY_FROM": "Лавка <news@shop.example>",
}


def test_without_an_address_there_is_no_gateway_for_mails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(read(monkeypatch).described_gateways) == {"http", "log"}


@pytest.mark.parametrize(
    ("url", "tls", "endpoint"),
    [
        ("smtp://mail.example", None, Endpoint("mail.example", 587, Tls.STARTTLS)),
        ("smtp://mail.example:25/", None, Endpoint("mail.example", 25, Tls.STARTTLS)),
        ("smtps://mail.example", None, Endpoint("mail.example", 465, Tls.IMPLICIT)),
        ("smtp://[::1]:1025", "none", Endpoint("::1", 1025, Tls.NONE)),
        ("smtp://mail.example:465", "implicit", Endpoint("mail.example", 465, Tls.IMPLICIT)),
    ],
)
def test_a_mail_server_is_encrypted_unless_it_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch, url: str, tls: str | None, endpoint: Endpoint
) -> None:
    values = {"DISPATCHER_SMTP_GATEWAY_URL": url}
    if tls is not None:
        values["DISPATCHER_SMTP_GATEWAY_TLS"] = tls

    settings = read(monkeypatch, **(MAIL | values))

    described = described_smtp(settings)
    assert parse_endpoint(described.url, described.tls) == endpoint
    assert described.sender == "Лавка <news@shop.example>"


LOGIN = {"DISPATCHER_SMTP_GATEWAY_USER": "shop", "DISPATCHER_SMTP_GATEWAY_PASSWORD": "secret"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"DISPATCHER_SMTP_GATEWAY_URL": "smtp://mail.example"}, "FROM is needed"),
        (MAIL | {"DISPATCHER_SMTP_GATEWAY_USER": "shop"}, "go together"),
        (MAIL | {"DISPATCHER_SMTP_GATEWAY_PASSWORD": "secret"}, "go together"),
        (MAIL | LOGIN | {"DISPATCHER_SMTP_GATEWAY_TLS": "none"}, "over TLS only"),
        (MAIL | {"DISPATCHER_SMTP_GATEWAY_TIMEOUT": "14s"}, "must outlast"),
        (
            MAIL
            | {
                "DISPATCHER_SMTP_GATEWAY_URL": "smtps://mail.example",
                "DISPATCHER_SMTP_GATEWAY_TLS": "starttls",
            },
            "smtps://",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason) as refusal:
        read(monkeypatch, **values)

    assert "secret" not in str(refusal.value)


def test_a_login_is_read_where_both_of_it_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    described = described_smtp(read(monkeypatch, **(MAIL | LOGIN)))

    password = described.password
    assert password is not None
    assert (described.user, password.env) == ("shop", "DISPATCHER_SMTP_GATEWAY_PASSWORD")
