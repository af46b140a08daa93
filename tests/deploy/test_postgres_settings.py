"""Each PostgreSQL that the project starts is set as the one that its figures were measured on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.postgres import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
SAME = ("io_method", "jit", "random_page_cost", "wal_compression")


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((DEPLOY / name).read_text())


def arguments_in(value: object) -> Iterator[str]:
    """Yield all texts that stand anywhere in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from arguments_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from arguments_in(each)


@pytest.mark.parametrize("name", ["docker-compose.yml", "k8s/overlays/dev/postgres.yaml"])
def test_a_container_has_the_settings_of_the_local_server(name: str) -> None:
    found = {text for document in documents(name) for text in arguments_in(document)}

    assert {f"--{each}={SETTINGS[each]}" for each in SAME} - found == set()


def test_a_cluster_has_the_settings_of_the_local_server() -> None:
    (cluster,) = (
        each for each in documents("k8s/components/cnpg/cluster.yaml") if each["kind"] == "Cluster"
    )
    parameters = cluster["spec"]["postgresql"]["parameters"]

    assert {each: parameters[each] for each in SAME} == {each: SETTINGS[each] for each in SAME}
