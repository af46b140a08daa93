"""The sampler: where a process spends its CPU time, one look at its stack each millisecond of it.

Python imports this at its start when the folder is on PYTHONPATH. SIGUSR1 begins and ends the
sampling; at its end `BENCH_SAMPLES/<service>.samples` holds the stacks, innermost first, and
how often each was seen. A profiler that hooks every call would cost twice what it measures.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001  # of CPU time
DEPTH = 60

_stacks: Counter[tuple[str, ...]] = Counter()
_is_on = False


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-3:])}:{code.co_qualname}"


_names: dict[object, str] = {}


def _frames(frame: FrameType | None) -> tuple[str, ...]:
    """Return the stack; SQLAlchemy waits in greenlets, whose stack goes on in their parents'."""
    stack: list[str] = []
    module = sys.modules.get("greenlet")
    greenlet = module.getcurrent() if module else None
    while len(stack) < DEPTH:
        while frame is not None and len(stack) < DEPTH:
            code = frame.f_code
            name = _names.get(code)
            if name is None:
                name = _names[code] = _name(frame)
            stack.append(name)
            frame = frame.f_back
        greenlet = greenlet.parent if greenlet else None
        if greenlet is None:
            break
        frame = greenlet.gr_frame
    return tuple(stack)


def _sample(_: int, frame: FrameType | None) -> None:
    _stacks[_frames(frame)] += 1


def _toggle(_: int, __: FrameType | None) -> None:
    global _is_on  # noqa: PLW0603 - a process has one
    _is_on = not _is_on
    signal.setitimer(signal.ITIMER_PROF, EVERY_S if _is_on else 0, EVERY_S if _is_on else 0)
    if _is_on:
        _stacks.clear()
    else:
        path = Path(os.environ["BENCH_SAMPLES"], f"{sys.orig_argv[2].rpartition('.')[2]}.samples")
        path.write_text(json.dumps([[count, stack] for stack, count in _stacks.items()]))


SERVICES = tuple(f"services.{name}" for name in ("catalog", "scheduler", "dispatcher", "stats"))

if "BENCH_SAMPLES" in os.environ and sys.orig_argv[1:2] == ["-m"] and sys.orig_argv[2] in SERVICES:
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, _toggle)
