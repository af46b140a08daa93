"""Crash points: named places at which a process ends itself when a test asks for it.

`CRASH_AT=relay.sent` ends it when it comes to that place, `CRASH_AT=relay.sent:3` when it comes
there for the third time. Without `CRASH_AT`, as always in production, a point is one comparison;
it stands where batches pass, never where messages do. `tests/chaos/crash_points.py` visits all.
"""

import os
import signal
from itertools import count

_NAME, _, _PASS = os.environ.get("CRASH_AT", "").partition(":")
_passes = count(1)


def crash_point(name: str, *, when: object = True) -> None:
    """End this process by SIGKILL, if this is where it is to end: nothing is flushed or sent.

    It comes here only `when` that is true, as where nothing may have been done.
    """
    if name == _NAME and when and next(_passes) == int(_PASS or 1):
        os.kill(os.getpid(), signal.SIGKILL)
