"""The logs of all parts, read as one."""

import sys
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from deploy.local.errors import LogUnknown
from deploy.local.home import Home

EVERY_S = 0.2


def show(home: Home, name: str | None, *, lines: int, follow: bool) -> None:
    """Print the last lines of one log or of all, each behind its name; go on until Ctrl-C.

    Raises:
        LogUnknown: There is no such log.
    """
    paths = sorted(home.logs.glob(f"{name or '*'}.log"))
    if not paths:
        known = ", ".join(sorted(path.stem for path in home.logs.glob("*.log"))) or "no logs yet"
        message = f"There is no log {name or ''} in {home.logs}; there is: {known}."
        raise LogUnknown(message)
    width = max(len(path.stem) for path in paths)
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        files = {path: stack.enter_context(path.open(errors="replace")) for path in paths}
        for path, file in files.items():
            _print(path, width, deque(file, maxlen=lines))
        while follow:
            for path, file in files.items():
                _print(path, width, file.readlines())
            time.sleep(EVERY_S)


def _print(path: Path, width: int, lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{path.stem:<{width}} | {line.rstrip()}\n")
    sys.stdout.flush()
