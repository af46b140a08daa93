"""The page: its files, built at first use and kept by what they were made of.

`python -m deploy.local.page` builds them, `--serve FOLDER` shows there what has become of it.
Nothing waits for it: until the page is there, and if it cannot be built, a page of ours says so.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.home import PROJECT, usual_home
from deploy.local.node import MADE, install, run

SOURCE = PROJECT / "web"
BUILD = re.compile(r"[0-9a-f]{16}")  # as `key` names them
KEPT = 2  # builds: this one, and the one before, which may still be shown somewhere
WITHIN_S = 180.0
CHECKED_WITHIN_S = 1200.0  # by who runs tests, at low priority beside others that take all cores
TYPES_AND_LINT = (
    ("api-types.mjs",),
    ("node_modules/typescript/bin/tsc", "--noEmit"),
    ("node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."),
)
UNIT_TESTS = (("node_modules/vitest/vitest.mjs", "run"),)
CHECKED = "What it found:"
DOCUMENTS = str(PROJECT / "docs" / "openapi")


PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="{every_s}">
<title>Mailings</title>
</head>
<body>
<main>
<h1>Mailings</h1>
{text}
</main>
</body>
</html>
"""
BEING_BUILT = """\
<p>The page is being built, which takes up to a minute at first use. It appears here by itself.</p>
<p lang="ru">Страница собирается: в первый раз до минуты. Она появится здесь сама.</p>"""
NOT_BUILT = """\
<p>The page could not be built. All else works: the command line and the services' APIs.</p>
<p lang="ru">Страницу не удалось собрать. Остальное работает: командная строка и API.</p>
<p>{how}</p>
<pre>{why}</pre>"""


def store() -> Path:
    """Return the folder of all builds, which all stacks of this project share."""
    return usual_home() / "web"


def key() -> str:
    """Return what a build of the source as it is now is kept by."""
    digest = hashlib.sha256()
    for path in _sources(SOURCE):
        digest.update(f"{path.relative_to(SOURCE)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Builder:
    """A process that builds the page, with all that it has started."""

    _process: "subprocess.Popen[bytes]"

    def end(self) -> None:
        """End it, if it still builds."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()

    def wait(self, within_s: float) -> None:
        """Wait until it has ended."""
        self._process.wait(within_s)


def prepare(shown: Path, log: Path) -> Builder | None:
    """Let `shown` be the page if it is built, else one that says so, and begin to build it.

    Returns:
        Who builds it; None if nothing is to be built.
    """
    built = store() / key()
    if built.exists():
        _show(built, shown)
        return None
    _show_text(shown, BEING_BUILT, every_s=1)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "deploy.local.page", "--serve", str(shown)],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a group of its own, to be ended whole
        )
    return Builder(process)


def build() -> Path:
    """Return the folder of the page's files; make them unless they are there.

    Raises:
        StackError: It could not be done.
    """
    folder = store()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two stacks that start one builds
        built = folder / key()
        if not built.exists():
            made = _build_in(folder / "build")
            made.rename(built)
        os.utime(built)
        _remove_old(folder)
    return built


def check() -> None:
    """Check the types of the page's source, against the APIs' documents, and what eslint finds.

    Raises:
        StackError: Something is wrong.
    """
    _run_scripts(TYPES_AND_LINT)


def run_unit_tests() -> None:
    """Run the unit tests of the page's source.

    Raises:
        StackError: One fails.
    """
    _run_scripts(UNIT_TESTS)


def _run_scripts(scripts: Sequence[Sequence[str]]) -> None:
    folder = store()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "check.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work, end = folder / "check", time.monotonic() + CHECKED_WITHIN_S
        node = install(SOURCE, work, end)
        for script in scripts:
            command = [str(node), *script]
            run(work, command, end, advice=CHECKED, lines=200, OPENAPI=DOCUMENTS, NO_COLOR="1")


def _build_in(work: Path) -> Path:
    end = time.monotonic() + WITHIN_S
    node = install(SOURCE, work, end, "--omit=dev")
    run(work, [str(node), "node_modules/vite/bin/vite.js", "build"], end)
    run(work, [str(node), "compress.mjs"], end)
    return work / "dist"


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in MADE:
            yield from _sources(path)
        elif path.is_file():
            yield path


def _remove_old(folder: Path) -> None:
    builds = [each for each in folder.iterdir() if BUILD.fullmatch(each.name)]
    for old in sorted(builds, key=lambda each: each.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _show(built: Path, shown: Path) -> None:
    """Let `shown` be a build, from one moment to the next."""
    new = shown.with_name(f"{shown.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(built)
    new.replace(shown)


def _show_text(shown: Path, text: str, *, every_s: int) -> None:
    folder = shown.with_name(f"{shown.name}.none")
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE.format(text=text, every_s=every_s)
    for name in ("public.html", "admin.html"):
        (folder / name).write_text(page)
    _show(folder, shown)


def main() -> None:
    """Build the page.

    Raises:
        SystemExit: It could not be done.
    """
    parser = argparse.ArgumentParser("python -m deploy.local.page", description=__doc__)
    parser.add_argument("--serve", type=Path, help="a link that is to lead to what is shown")
    parser.add_argument(
        "--check", action="store_true", help="build nothing: types, lint and unit tests"
    )
    options = parser.parse_args()
    shown: Path | None = options.serve
    try:
        if options.check:
            check()
            run_unit_tests()
            return
        built = build()
    except (StackError, OSError) as error:
        sys.stderr.write(f"The page could not be built: {error}\n")
        if shown is not None:
            how, _, why = str(error).partition("\n")
            _show_text(shown, NOT_BUILT.format(how=escape(how), why=escape(why)), every_s=5)
        raise SystemExit(1) from None
    sys.stdout.write(f"The page is built: {built}\n")
    if shown is not None:
        _show(built, shown)


if __name__ == "__main__":
    main()
