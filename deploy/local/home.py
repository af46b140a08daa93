"""The home: the folder in which one stack keeps its data, its logs and its notes."""

import fcntl
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local.errors import AlreadyRunning

PROJECT = Path(__file__).resolve().parents[2]

PRIVATE = 0o600
LOG_KEPT_BYTES = 10_000_000  # a longer log moves aside when its part is started again


def usual_home() -> Path:
    """Return where the stack lives: MAILINGS_HOME, or `.mailings` in the project."""
    return Path(os.environ.get("MAILINGS_HOME") or PROJECT / ".mailings").absolute()


@dataclass(frozen=True)
class Home:
    """Paths, all absolute. Two stacks never share a home: see `lock`."""

    path: Path

    @property
    def data(self) -> Path:
        """What must survive: databases, topics, ledgers."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """One file per part."""
        return self.path / "logs"

    @property
    def record(self) -> Path:
        """Which processes run: see `deploy.local.record`."""
        return self.path / "run" / "record.json"

    @property
    def supervisor(self) -> Path:
        """The same for the one process that started them."""
        return self.path / "run" / "supervisor.json"

    @property
    def ports(self) -> Path:
        """Which ports were chosen: see `deploy.local.ports`."""
        return self.path / "run" / "ports.json"

    @property
    def env(self) -> Path:
        """The addresses; there only while everything is ready."""
        return self.path / "run" / "env"

    @property
    def fallback(self) -> Path:
        """The path of the folder outside that is part of this home, if there is one."""
        return self.path / "refuge"

    def make(self) -> None:
        """Make the folders that are missing; what is in them is nobody else's to read.

        Addresses may hold passwords, logs and ledgers hold phones. Only into the data may others
        go, without seeing what is there: PostgreSQL may run as another user.
        """
        for folder, mode in ((self.data, 0o711), (self.logs, 0o700), (self.record.parent, 0o700)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        for file in self.data.iterdir():  # of before this was so
            if file.is_file():
                file.chmod(PRIVATE)

    def lock(self) -> IO[bytes]:
        """Keep this home for us until the file is closed or the process is gone.

        Raises:
            AlreadyRunning: Somebody else has it.
        """
        self.make()
        file = (self.path / "run" / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AlreadyRunning(self.path) from None
        return file

    def log(self, name: str) -> Path:
        """Return the log of a part; one that has grown long is moved to `.old`."""
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_KEPT_BYTES:
            path.replace(path.with_suffix(".log.old"))
        return path

    def write_addresses(self, addresses: Mapping[str, str]) -> None:
        """Write the addresses for everybody, as shell exports."""
        replace_text(self.env, exports(addresses))

    def addresses(self) -> dict[str, str]:
        """Return the addresses that were told; nothing before all was ready."""
        try:
            words = shlex.split(self.env.read_text())
        except FileNotFoundError:
            return {}
        return dict(word.split("=", 1) for word in words if "=" in word)


def exports(addresses: Mapping[str, str]) -> str:
    """Write addresses as a shell reads them."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in addresses.items())
    return "".join(lines)


def replace_text(path: Path, text: str) -> None:
    """Write a file at once: a reader sees the old text or the new one, never half of it."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.touch(mode=PRIVATE)
    new.write_text(text)
    new.replace(path)
