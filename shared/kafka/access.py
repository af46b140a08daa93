"""The access to Kafka: what a client connects with, from the setting KAFKA_SERVERS."""

from typing import Any

from aiokafka.helpers import create_ssl_context

from shared.setting_values import kafka_address

MECHANISM = "SCRAM-SHA-512"  # the password itself is never sent


def connection(servers: str) -> dict[str, Any]:
    """Return how a client of the library connects to `servers`.

    Raises:
        OSError: The authority's certificate cannot be read.
    """
    address = kafka_address(servers)
    found: dict[str, Any] = {"bootstrap_servers": address.servers}
    if address.is_encrypted:
        found |= {
            "security_protocol": "SASL_SSL" if address.user else "SSL",
            "ssl_context": create_ssl_context(cafile=address.authority),
        }
    if address.user:
        found |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }
    return found
