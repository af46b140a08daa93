"""Run the mutations: `python -m tests.mutants [PATTERN]` wants a failing test for each of them.

An entry of `mutations.toml` names a line that a promise hangs on, and what is put in its place.
Each is applied in a copy of the tree, and the tests that it names are run there. An entry that is
`equal` says why no test can fail; its tests must pass.
"""

import argparse
import asyncio
import compileall
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum, auto
from pathlib import Path
from py_compile import PycInvalidationMode
from time import monotonic

import msgspec
from sqlalchemy import make_url

from deploy.local.foreground import end_by_sigterm
from deploy.local.stack import KAFKA, POSTGRES, Stack

ROOT = Path(__file__).parents[1]
ENTRIES = ROOT / "tests" / "mutations.toml"

TESTS_FAILED, TESTS_PASSED = 1, 0  # Source: pytest.ExitCode
LONGEST_S = 300  # of a mutant's tests; a mutant that never ends is caught

# What most tests need and takes long to load. Nothing of ours: that is what changes.
LIBRARIES = (
    "aiokafka.admin",
    "alembic.runtime.environment",
    "asyncpg",
    "fastapi",
    "httptools",
    "httpx",
    "hypothesis",
    "msgspec",
    "opentelemetry.exporter.prometheus",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.trace",
    "pydantic_settings",
    "pytest",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "uvicorn",
    "uvloop",
)


class Mutation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change of one place."""

    file: str
    old: str
    new: str
    breaks: str  # the promise
    tests: list[str]  # paths, or paths and names as pytest takes them
    equal: str = ""  # why the two are the same, if they are

    def apply(self, source: str) -> str:
        """Return the source with the change.

        Raises:
            NotThere: What is to be replaced stands there never, or more than once.
        """
        count = source.count(self.old)
        if count != 1 or self.old == self.new:
            raise NotThere(f"{self.file}: stands there {count} times: {self.old!r}")
        return source.replace(self.old, self.new)


class NotThere(Exception):
    """A mutation does not fit the file any more: mend the entry."""


class Verdict(StrEnum):
    """What came of a mutation."""

    CAUGHT = auto()
    SURVIVED = auto()
    EQUAL = auto()
    NOT_EQUAL = auto()  # an entry says that no test can fail, and one did
    BROKEN = auto()  # its tests could not be run at all: no test saw the change


GOOD = {Verdict.CAUGHT, Verdict.EQUAL}


def read_mutations(path: Path = ENTRIES) -> list[Mutation]:
    """Return the entries.

    Raises:
        msgspec.ValidationError: One is not as it should be.
    """
    with path.open("rb") as file:
        return msgspec.convert(tomllib.load(file)["mutation"], list[Mutation])


class Bench:
    """A copy of the tree, with stores of its own, in which one mutation is tried at a time."""

    def __init__(self, tree: Path, env: Mapping[str, str], libraries: Sequence[str] = ()) -> None:
        self.tree = tree
        self.log = tree / "pytest.log"  # of the last run
        self._env = {**os.environ, **env}
        self._libraries = libraries
        self._runner: asyncio.subprocess.Process | None = None

    async def run_tests(self, tests: Sequence[str], within_s: int | None) -> int | None:
        """Return pytest's exit code; None when the tests did not end in time."""
        if self._runner is None:
            pipe = asyncio.subprocess.PIPE
            program = Path(__file__).with_name("forking.py")
            command = (sys.executable, str(program), str(self.log), *self._libraries)
            self._runner = await asyncio.create_subprocess_exec(
                *command, cwd=self.tree, env=self._env, stdin=pipe, stdout=pipe
            )
        assert self._runner.stdin is not None
        assert self._runner.stdout is not None
        request = json.dumps([within_s, "-x", "-q", *tests])
        self._runner.stdin.write(request.encode() + b"\n")
        await self._runner.stdin.drain()
        code: int | None = json.loads(await self._runner.stdout.readline())
        return code

    async def close(self) -> None:
        """End the process that runs the tests."""
        if self._runner is not None and self._runner.stdin is not None:
            self._runner.stdin.close()
            await self._runner.wait()

    async def judge(self, mutation: Mutation) -> Verdict:
        """Apply a mutation, run its tests, and take it back."""
        path = self.tree / mutation.file
        source = path.read_text()
        path.write_text(mutation.apply(source))
        try:
            code = await self.run_tests(mutation.tests, LONGEST_S)
        finally:
            path.write_text(source)
        if code not in (TESTS_PASSED, TESTS_FAILED, None):
            return Verdict.BROKEN
        if code == TESTS_PASSED:
            return Verdict.EQUAL if mutation.equal else Verdict.SURVIVED
        return Verdict.NOT_EQUAL if mutation.equal else Verdict.CAUGHT


def copy_tree(root: Path, target: Path) -> None:
    """Copy what git knows, or would take; compile it so that each change of a file is noticed."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in found.stdout.decode().split("\0"):
        if name and (root / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    mode = PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(str(target), quiet=2, invalidation_mode=mode)


async def judge_all(mutations: Sequence[Mutation], benches: Sequence[Bench]) -> dict[int, Verdict]:
    """Judge every mutation, on as many benches as there are; say each verdict at once."""
    verdicts: dict[int, Verdict] = {}
    waiting = list(enumerate(mutations))[::-1]

    async def work(bench: Bench) -> None:
        while waiting:
            number, mutation = waiting.pop()
            begun = monotonic()
            verdict = verdicts[number] = await bench.judge(mutation)
            what = f"{mutation.file}: {mutation.breaks}"
            _say(f"{len(verdicts)}/{len(mutations)} {verdict} {monotonic() - begun:.0f} s {what}")
            if verdict is Verdict.BROKEN:
                _say(bench.log.read_text()[-2_000:])

    await asyncio.gather(*(work(each) for each in benches))
    return verdicts


def summary(mutations: Sequence[Mutation], verdicts: Mapping[int, Verdict]) -> str:
    """Return the counts, and each mutation that is not as it should be."""
    counts = {each: list(verdicts.values()).count(each) for each in Verdict}
    bad = [
        f"{verdict}: {mutations[number].file}: {mutations[number].breaks}\n"
        f"- {mutations[number].old}\n+ {mutations[number].new}"
        for number, verdict in sorted(verdicts.items())
        if verdict not in GOOD
    ]
    return "\n".join([*bad, ", ".join(f"{count} {each}" for each, count in counts.items())])


async def _bench(number: int, home: Path, exits: AsyncExitStack) -> Bench:
    tree = home / f"tree-{number}"
    copy_tree(ROOT, tree)
    said: list[str] = []
    stack = Stack(
        home / f"stores-{number}", parts=[POSTGRES, KAFKA], report=said.append, ephemeral=True
    )
    await stack.start()
    exits.push_async_callback(stack.stop)
    url = make_url(stack.env["POSTGRES_URL"]).render_as_string(hide_password=False)
    bench = Bench(
        tree,
        {"TEST_DATABASE_URL": url, "TEST_KAFKA_SERVERS": stack.env["KAFKA_SERVERS"]},
        LIBRARIES,
    )
    exits.push_async_callback(bench.close)
    return bench


async def run(mutations: Sequence[Mutation], parallel: int) -> int:
    """Judge the mutations; return the exit code."""
    for each in mutations:
        each.apply((ROOT / each.file).read_text())
    async with AsyncExitStack() as exits:
        home = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        benches = [await _bench(number, home, exits) for number in range(parallel)]
        tests = sorted({test for each in mutations for test in each.tests})
        if await benches[0].run_tests(tests, None) != TESTS_PASSED:
            _say(benches[0].log.read_text()[-4_000:])
            _say("the tests fail without any mutation: nothing can be said")
            return 1
        verdicts = await judge_all(mutations, benches)
    _say(summary(mutations, verdicts))
    return 0 if set(verdicts.values()) <= GOOD else 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the mutations whose file matches the pattern, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="a regular expression of files")
    parser.add_argument("--parallel", type=int, default=2)
    options = parser.parse_args()
    chosen = [each for each in read_mutations() if re.search(options.pattern, each.file)]
    if not chosen:
        parser.error("no mutation is of such a file")
    end_by_sigterm()
    sys.exit(asyncio.run(run(chosen, options.parallel)))


if __name__ == "__main__":
    main()
