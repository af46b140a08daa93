"""To import a module is to know it, nothing more: no output, no thread, no connection, no log."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging, pkgutil, signal, threading
from importlib import import_module

def modules(name):
    package = import_module(name)
    yield name
    for found in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{name}."):
        if found.name.rpartition(".")[2] not in ("__main__", "migrations"):
            yield from modules(found.name)

before = {number: signal.getsignal(number) for number in signal.valid_signals()}
names = [name for root in ("shared", "services") for name in modules(root)]
assert len(names) > 50, names
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
assert before == {number: signal.getsignal(number) for number in signal.valid_signals()}
"""


def test_importing_everything_says_and_starts_nothing() -> None:
    done = subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, "-W", "error", "-c", SCRIPT],
        cwd=ROOT,
        env={"PATH": ""},  # nor does it need any setting
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
