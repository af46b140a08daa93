"""Maven: where jars come from. `python -m deploy.local.maven` makes the jars' lock anew."""

import os
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import requests
from jgo.env import LockFile
from jgo.maven import MavenContext
from rich.console import Console
from rich.progress import Progress

from deploy.local.errors import StackError
from deploy.local.jars import LOCK, Jar

SPECIFICATION = Path(__file__).with_name("kafka.toml")

THREADS = 8
TIMEOUT_S = 30  # without a byte

# The address of a Maven repository to fetch from instead of the usual one.
MIRROR = "MAVEN_MIRROR"


def fetch(missing: Sequence[Jar], repository: Path) -> None:
    """Bring jars into the repository, several at a time. Blocks.

    Raises:
        StackError: Something could not be fetched, or is not what the lock says.
    """
    failure = None
    with _progress(len(missing)) as advance, ThreadPoolExecutor(THREADS) as threads:
        tasks = {threads.submit(_fetch_one, jar, repository): jar for jar in missing}
        for task in as_completed(tasks):
            if error := task.exception():
                failure = f"{tasks[task].path.name}: {error}"
                threads.shutdown(cancel_futures=True)  # the others would fail alike
                break
            advance()
    if failure:
        message = (
            f"Kafka's files could not be fetched.\n  {failure}\n"
            "  Look at the network (behind a proxy set HTTPS_PROXY; a mirror's address goes into "
            f"{MIRROR}), then run the command again: what has arrived is kept in {repository}."
        )
        raise StackError(message)


def _fetch_one(jar: Jar, repository: Path) -> None:
    """Bring one file; it appears in the repository whole and checked, or not at all."""
    target = repository / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repository, prefix=".mailings-") as staging:
        project = _context(Path(staging)).project(jar.group, jar.artifact)
        try:
            fetched: Path = project.at_version(jar.version).artifact().resolve()
        except (requests.RequestException, RuntimeError) as error:  # so does jgo tell of a 404
            raise StackError(str(error)) from error
        if not jar.is_at(fetched):
            message = "what arrived is not what kafka.lock.toml says (SHA-256)"
            raise StackError(message)
        fetched.replace(target)


def _context(cache: Path | None = None) -> MavenContext:
    mirror = os.environ.get(MIRROR)
    return MavenContext(
        repo_cache=cache,
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=TIMEOUT_S,
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar, on a terminal; yield what moves it."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Kafka", total=total)
        yield lambda: progress.advance(task)


def resolve() -> None:
    """Write the lock anew from `kafka.toml`: the whole tree, with the hash of each file."""
    context = _context()
    coordinates = tomllib.loads(SPECIFICATION.read_text())["dependencies"]["coordinates"]
    inputs = [context.create_dependency(coordinate) for coordinate in coordinates]
    found, brought = context.resolver.resolve(inputs)
    lock = LockFile.from_resolved_dependencies([*found, *brought], environment_name="kafka")
    lock.save(LOCK)
    lines = LOCK.read_text().splitlines(keepends=True)
    # When it was made is left out: the same tree is the same lock.
    LOCK.write_text("".join(line for line in lines if not line.startswith("generated")))


if __name__ == "__main__":
    resolve()
