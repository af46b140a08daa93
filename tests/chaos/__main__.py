"""Chaos: `make chaos` kills, stops and restarts everything while mailings go out.

Then a checker compares the gateways' ledgers, the dispatcher's tables and statistics. The figures
are in `.mailings/chaos/chaos.json`. The exit code is 1 if a promise is broken.

`SEED=n` repeats the faults of an earlier round, as far as their times allow; `MINUTES=n` bounds a
round; with `KILLS=n` a round is added to the earlier ones until there are so many faults in all.
Then each crash point that was not visited yet is visited, as far as there is time.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.foreground import end_by_sigterm
from deploy.local.home import Home
from deploy.local.record import Record
from tests.chaos.checker import added, broken, check
from tests.chaos.crash_points import CASES, Case
from tests.chaos.crashing import visit_side_by_side
from tests.chaos.round import Plan, play

FOLDER = Path(os.environ.get("CHAOS_HOME", ".mailings/chaos")).absolute()
FAULTS = 160
MINUTES = 13.0
CRASHING_SHARE = 0.5  # of the time of faults that visits of crash points may take
SETTINGS = {"LOG_FORMAT": "json", "DISPATCHER_BACKOFF_CAP": "PT5S"}
BEGAN = time.monotonic()


def report(line: str) -> None:
    """Print a line, with the seconds since the beginning."""
    sys.stdout.write(f"{time.monotonic() - BEGAN:7.1f} s  {line}\n")
    sys.stdout.flush()


def earlier() -> dict[str, Any] | None:
    """Return the figures of earlier rounds, if this one is to go on from them."""
    file = FOLDER / "chaos.json"
    if "KILLS" not in os.environ or not file.exists():
        return None
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def not_visited(before: Mapping[str, Any]) -> list[Case]:
    """Return the crash points that earlier rounds have not visited."""
    visited = set(before.get("crash_points", []))
    return [each for each in CASES if each.name not in visited]


def emptied(home: Path) -> Path:
    """Return a home with nothing of an earlier round in it, though that was killed itself."""
    for each in (home, *home.glob("*")):
        for record in (Home(each).record, each / "plain" / "record.json"):
            if record.exists():
                Record(record).end_orphans()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


def visited(cases: Sequence[Case], within_s: float) -> dict[str, Any]:
    """Visit crash points, as far as there is time; return the figures."""
    home = emptied(FOLDER / "crashing")
    return asyncio.run(visit_side_by_side(home, cases, report, within_s=within_s)).figures()


def check_command_line() -> None:
    """Show the help, or refuse what is not known: variables of the environment say what to do."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.chaos", None, __doc__, formatter_class=raw)
    parser.parse_args()


def main() -> int:
    """Play a round, compare, and write the figures."""
    before = earlier()
    wanted = int(os.environ.get("KILLS") or FAULTS)
    left = min(FAULTS, wanted - (before["faults"] if before else 0))
    if before and left <= 0:
        report(f"there were {wanted} faults already")
        return 1 if broken(before) else 0
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    minutes = float(os.environ.get("MINUTES") or MINUTES)
    report(f"SEED={seed}: {left} faults within {minutes:g} minutes")
    home = emptied(FOLDER / "stack")
    plan = Plan(seed=seed, faults=left, within_s=60 * minutes)
    figures = check(asyncio.run(play(home, plan, SETTINGS, report)))
    cases, within_s = not_visited(before or {}), CRASHING_SHARE * plan.within_s
    figures |= visited(cases, within_s)
    (FOLDER / f"round-{seed}.json").write_text(json.dumps(figures, indent=1))
    if before:
        figures = added(before, figures)
    (FOLDER / "chaos.json").write_text(json.dumps(figures, indent=1))
    shown = {name: value for name, value in figures.items() if name != "recoveries_s"}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    wrong = broken(figures)
    if figures["faults"] < wanted:
        report(f"there were {figures['faults']} faults of {wanted}: KILLS={wanted} goes on")
    report(f"broken: {', '.join(wrong)}" if wrong else "every promise held")
    return 1 if wrong else 0


if __name__ == "__main__":
    check_command_line()
    end_by_sigterm()
    sys.exit(main())
