"""The trial of the stack of containers says what it has not done, and sees what is open."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compose.contained import as_configured

ROOT = Path(__file__).parents[2]
FOUND: dict[str, Any] = {
    "Config": {"User": "10001:10001"},
    "HostConfig": {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges:true"],
        "Memory": 1,
        "PidsLimit": 1,
    },
    "NetworkSettings": {
        "Ports": {"8001/tcp": [{"HostIp": "127.0.0.1", "HostPort": "1"}], "1/tcp": None}
    },
}


@pytest.mark.parametrize("answer", [None, "exit 1", '[ "$1" = info ]'])
def test_without_an_engine_it_is_skipped_and_says_so_last(
    tmp_path: Path, answer: str | None
) -> None:
    if answer:  # a client without an engine, and an engine without compose
        docker = tmp_path / "docker"
        docker.write_text(f"#!/bin/sh\n{answer}\n")
        docker.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-m", "tests.compose"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("SKIPPED: no engine\n", "", 0)


def test_a_closed_container_has_no_fault() -> None:
    assert list(as_configured(FOUND)) == []


@pytest.mark.parametrize(
    ("part", "name", "value", "fault"),
    [
        ("Config", "User", "", "it is root"),
        ("Config", "User", "root", "it is root"),
        ("Config", "User", "0:0", "it is root"),
        ("HostConfig", "ReadonlyRootfs", False, "its root can be written"),
        ("HostConfig", "CapDrop", None, "it has capabilities"),
        ("HostConfig", "CapAdd", ["CHOWN"], "it has capabilities"),
        ("HostConfig", "Privileged", True, "it has capabilities"),
        ("HostConfig", "SecurityOpt", None, "it may get privileges"),
        ("HostConfig", "Memory", 0, "it has no limits"),
        ("HostConfig", "PidsLimit", None, "it has no limits"),
        (
            "NetworkSettings",
            "Ports",
            {"1/tcp": [{"HostIp": "0.0.0.0", "HostPort": "5"}]},  # noqa: S104 - what must be found
            "5 is open to all",
        ),
    ],
)
def test_an_open_container_is_seen(part: str, name: str, value: Any, fault: str) -> None:
    opened = {**FOUND, part: {**FOUND[part], name: value}}

    assert list(as_configured(opened)) == [fault]
