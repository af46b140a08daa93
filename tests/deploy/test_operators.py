"""The secrets of a deployment by operators: each reader sees its own, and they fit together."""

from pathlib import Path

import pytest

from deploy.env_example import SERVICES
from deploy.operators import make


def read(folder: Path, *parts: str) -> str:
    return folder.joinpath(*parts).read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_an_account_has_the_password_that_its_operator_reads(tmp_path: Path, name: str) -> None:
    make(tmp_path)

    own = read(tmp_path, f"postgres-{name}", "password")
    url = f"postgresql://{name}:{own}@postgres-rw:5432/{name}?ssl=require"
    variable = f"{name.upper()}_DATABASE_URL"
    assert read(tmp_path, f"postgres-{name}", "username") == name
    assert read(tmp_path, name, variable) == read(tmp_path, "migrate", variable) == url
    of_kafka = read(tmp_path, "kafka-users", name)
    assert read(tmp_path, name, "KAFKA_SERVERS").startswith(f"tls://{name}:{of_kafka}@kafka-")


def test_no_two_secrets_are_the_same(tmp_path: Path) -> None:
    make(tmp_path)

    secret = [
        *(read(tmp_path, f"postgres-{name}", "password") for name in SERVICES),
        *(read(tmp_path, "kafka-users", name) for name in SERVICES),
        *(read(tmp_path, name, f"{name.upper()}_API_TOKEN") for name in SERVICES),
    ]
    assert len(set(secret)) == len(secret)


def test_what_is_there_stays_and_what_one_has_put_beside_too(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "dispatcher" / "DISPATCHER_HTTP_GATEWAY_TOKEN").write_text("abc")
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    make(tmp_path)

    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before
