"""The engine of containers, and one stack of ours on it, as a person drives them."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "docker-compose.yml"
PROJECT = "mailings-test"
PORTS = {
    "catalog": 8001,
    "scheduler": 8002,
    "dispatcher": 8003,
    "stats": 8004,
    "gateway": 8080,
    "mail": 8025,
}

# Any free port of the machine, so that it stands beside whatever runs there.
SETTINGS = {f"MAILINGS_{name.upper()}_PORT": "" for name in PORTS} | {
    "MAILINGS_IMAGE": f"mailings:{PROJECT}"
}


class Failed(Exception):
    """The stack does not do what it should; the message says what was seen."""


def has_engine() -> bool:
    """Return whether an engine of containers answers, with compose."""
    docker = shutil.which("docker")
    commands = (["info"], ["compose", "version"])
    return docker is not None and all(
        subprocess.run(  # noqa: S603 - the engine's own command
            [docker, *each], capture_output=True, check=False
        ).returncode
        == 0
        for each in commands
    )


class Stack:
    """The stack of `deploy/docker-compose.yml`, under a name of its own."""

    def __init__(self, settings: Mapping[str, str] = SETTINGS) -> None:
        self._environment = {**os.environ, **settings}

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` on this stack; return what it prints.

        Raises:
            Failed: It ended with an error.
        """
        options = ("-p", PROJECT, "-f", str(FILE), "--env-file", os.devnull)
        return self.docker("compose", *options, "--profile", "sandbox", *arguments)

    def docker(self, *arguments: str) -> str:
        """Run `docker`; return what it prints.

        Raises:
            Failed: It ended with an error.
        """
        done = self.attempt(*arguments)
        if done.returncode:
            raise Failed(f"docker {' '.join(arguments)}: {done.stderr.strip() or done.stdout}")
        return done.stdout

    def attempt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `docker`, whatever becomes of it."""
        return subprocess.run(  # noqa: S603 - the engine's own command
            ["docker", *arguments],  # noqa: S607 - wherever a person has it
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def container(self, name: str, number: int = 1) -> str:
        """Return the name of a part's container."""
        return f"{PROJECT}-{name}-{number}"

    def containers(self) -> list[Json]:
        """Return all that the engine knows of each container, jobs that have ended among them."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found: list[Json] = json.loads(self.docker("inspect", *ids))
        return sorted(found, key=lambda each: str(each["Name"]))

    def addresses(self) -> dict[str, str]:
        """Return where each service is now: a container that was started anew has another port."""
        return {
            f"{name.upper()}_URL": f"http://{self.compose('port', name, str(port)).strip()}"
            for name, port in PORTS.items()
        }
