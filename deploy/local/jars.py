"""The jars: Kafka's files, by coordinates and hashes from `kafka.lock.toml`.

They are kept where Maven keeps its own (M2_REPO, else ~/.m2/repository), so later runs and other
checkouts need no network.
"""

import hashlib
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("kafka.lock.toml")


@dataclass(frozen=True)
class Jar:
    """One file of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where it lies in every Maven repository."""
        folder = Path(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}.jar"

    def is_at(self, path: Path) -> bool:
        """Say whether this is the file, whole and unchanged."""
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def kafka_jars(report: Callable[[str], None]) -> list[Path]:
    """Return Kafka's class path; fetch what is missing. Blocks.

    Raises:
        StackError: Something could not be fetched, or is not what the lock says.
    """
    repository = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    jars = locked()
    missing = [jar for jar in jars if not jar.is_at(repository / jar.path)]
    if missing:
        report(f"fetching Kafka: {len(missing)} of {len(jars)} files are not here yet")
        from deploy.local import maven  # noqa: PLC0415 (takes half a second, needed once)

        maven.fetch(missing, repository)
    return [repository / jar.path for jar in jars]


def locked() -> list[Jar]:
    """Return what the lock names."""
    entries = tomllib.loads(LOCK.read_text())["dependencies"]
    return [Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries]
