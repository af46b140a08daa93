"""A Kafka may be spoken to openly, or encrypted and with an account of one's own."""

import ssl
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.kafka.access import connection
from shared.setting_values import Servers, kafka_address

SERVERS: TypeAdapter[str] = TypeAdapter(Servers)


def test_servers_alone_are_spoken_to_openly() -> None:
    assert connection("a:9092,b:9092") == {"bootstrap_servers": "a:9092,b:9092"}


def test_an_account_is_entered_encrypted_and_its_password_is_never_sent() -> None:
    found = connection("tls://catalog:se%40cret@a:9093,b:9093")

    context = found.pop("ssl_context")
    assert found == {
        "bootstrap_servers": "a:9093,b:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "catalog",
        "sasl_plain_password": "se@cret",
    }
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True


def test_without_an_account_it_is_encrypted_all_the_same() -> None:
    found = connection("tls://a:9093")

    assert found["security_protocol"] == "SSL"
    assert "sasl_mechanism" not in found


def test_an_authority_of_ones_own_is_the_only_one(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"

    assert kafka_address(f"tls://a:1?ca={authority}").authority == str(authority)
    with pytest.raises(OSError, match="No such file"):
        connection(f"tls://a:1?ca={authority}")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("a, b:1", "a,b:1"),
        ("tls://u:p@a:1,b:2?ca=/f", "tls://u:p@a:1,b:2?ca=/f"),
        ("tls://a", "tls://a"),
    ],
)
def test_a_setting_says_where_kafka_is(given: str, taken: str) -> None:
    assert SERVERS.validate_python(given) == taken


@pytest.mark.parametrize(
    "given", ["", "tls://", "tls://u@a:1", "tls://:p@a:1", "tls://u:p@", "http://a:1", "a:0"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="is needed"):
        SERVERS.validate_python(given)
