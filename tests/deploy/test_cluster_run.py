"""The trial on a cluster says what it has not done, and the CRDs' check sees what does not fit."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import crds

ROOT = Path(__file__).parents[2]
TOPIC: dict[str, Any] = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic"}


def test_without_a_cluster_it_is_skipped_and_says_so_last(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("SKIPPED: no cluster\n", "", 0)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"partitions": 12}, None),
        ({"partition": 12}, "KafkaTopic.spec.partition: there is no such field"),
        ({"partitions": "12"}, "KafkaTopic.spec.partitions: '12' is no integer"),
        ({"partitions": True}, "KafkaTopic.spec.partitions: True is no integer"),
        ({"partitions": 0}, "KafkaTopic.spec.partitions: 0 is out of range"),
        ({"topicName": "x"}, "KafkaTopic.spec.topicName: its schema is cut there; make it again"),
    ],
)
def test_what_does_not_fit_a_schema_is_seen(spec: dict[str, Any], fault: str | None) -> None:
    manifest = {**TOPIC, "spec": spec}
    schema = crds.schema_of(manifest)

    assert schema is not None
    assert list(crds.faults(manifest, schema)) == ([fault] if fault else [])


def test_our_own_kinds_have_no_schema_of_operators() -> None:
    assert crds.schema_of({"apiVersion": "v1", "kind": "Service"}) is None
