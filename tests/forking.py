"""Run pytest again and again: `python tests/forking.py LOG LIBRARY…` loads the libraries once.

Each line of standard input is a JSON list: after how many seconds to give up, or null, then
pytest's arguments. For each a process is forked, which loads only what is ours; its exit code is
written as a line, or null if it was given up.
"""

import importlib
import json
import os
import signal
import sys
from typing import NoReturn

TESTS_FAILED, INTERNAL_ERROR = 1, 3  # Source: pytest.ExitCode
OPTIONS = ("-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


class _Outcome:
    """Notes whether tests failed: pytest may raise afterwards, over what a failure left behind."""

    is_failure = False

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Note it at the end of the tests."""
        self.is_failure = exitstatus == TESTS_FAILED


def run(log: str, arguments: list[str], within_s: int | None) -> int | None:
    """Run pytest in a process of its own; return its exit code, or None if it took too long."""
    child = os.fork()
    if child == 0:
        _run_here(log, arguments, within_s)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return None if code == -signal.SIGALRM else code


def _run_here(log: str, arguments: list[str], within_s: int | None) -> NoReturn:
    import pytest  # noqa: PLC0415 - loaded already

    signal.alarm(within_s or 0)  # nobody handles it: the process ends
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    code, outcome = INTERNAL_ERROR, _Outcome()
    try:
        code = int(pytest.main([*OPTIONS, *arguments], plugins=[outcome]))
    finally:
        sys.stdout.flush()
        os._exit(TESTS_FAILED if outcome.is_failure else code)


def main() -> None:
    """Serve until standard input ends."""
    for name in sys.argv[2:]:
        importlib.import_module(name)
    for line in sys.stdin:
        within_s, *arguments = json.loads(line)
        code = run(sys.argv[1], arguments, within_s)
        sys.stdout.write(json.dumps(code) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
