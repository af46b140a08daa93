"""`make proof`: promises proven at length, each figure beside its floor; or those that are named.

The figures are in `proof/out`, a file for each proof. The exit code is 1 if one is not met.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from deploy.local.foreground import end_by_sigterm
from tests.proof import audience, calendars, firing, imports, races, recipient_local

OUT = Path(__file__).parents[2] / "proof" / "out"
LEAST_CASES = 1_000_000
LEAST_FILTERS = 10_000
LEAST_FILES = 100
LATE_S = 1.0  # at most, 99 of 100, without faults

Figures: TypeAlias = dict[str, Any]


def prove_calendars(options: argparse.Namespace) -> Figures:
    """Compare all zones, or one, with the model."""
    plan = calendars.Plan(seed=options.seed, cases_per_zone=options.cases)
    least = LEAST_CASES
    if options.zone:
        plan, least = calendars.Plan(options.seed, options.cases, [options.zone]), options.cases
    figures = calendars.prove(plan, options.processes, say)
    return figures | {"met": figures["cases"] >= least and not figures["differences"]}


def prove_firing(options: argparse.Namespace) -> Figures:
    """Let 10,000 occurrences come while schedulers are killed."""
    figures = asyncio.run(firing.prove(firing.Plan(seed=options.seed), say))
    return figures | {
        "met": not any(figures[each] for each in ("missing", "unexpected", "double"))
    }


def prove_punctual(_: argparse.Namespace) -> Figures:
    """Let some hundred occurrences come in real time."""
    figures = asyncio.run(firing.prove_punctual(150, say))
    return figures | {"met": not figures["missing"] and figures["late_p99_s"] <= LATE_S}


def prove_missed(_: argparse.Namespace) -> Figures:
    """Stop all schedulers over twelve occurrences, under each rule."""
    figures = asyncio.run(firing.prove_missed(say))
    return figures | {"met": not figures["differences"]}


def prove_audience(options: argparse.Namespace) -> Figures:
    """Compare whom filters select with the model."""
    figures = asyncio.run(audience.prove(audience.Plan(seed=options.seed), say))
    is_enough = figures["filters"] >= LEAST_FILTERS
    return figures | {"met": is_enough and not figures["differences"]}


def prove_races(options: argparse.Namespace) -> Figures:
    """Edit a thousand mailings in the moment in which they become due."""
    figures = asyncio.run(races.prove(races.Plan(seed=options.seed, edits=options.edits), say))
    is_race = min(figures["edit_was_first"], figures["run_was_first"]) > 0
    return figures | {"met": not figures["wrong"] and is_race}


def prove_import(_: argparse.Namespace) -> Figures:
    """Read a corpus of files as people have them."""
    figures = asyncio.run(imports.prove(say))
    return figures | {"met": figures["files"] >= LEAST_FILES and not figures["differences"]}


def prove_recipient_local(options: argparse.Namespace) -> Figures:
    """Let a run go to 200,000 clients in 60 zones, each by its own clock."""
    plan = recipient_local.Plan(seed=options.seed, clients=options.clients)
    figures = asyncio.run(recipient_local.prove(plan, say))
    are_few = figures["chunks"] <= figures["chunks_at_most"]
    return figures | {"met": are_few and not figures["differences"]}


PROOFS: Mapping[str, Callable[[argparse.Namespace], Figures]] = {
    "calendars": prove_calendars,
    "firing": prove_firing,
    "punctual": prove_punctual,
    "missed": prove_missed,
    "recipient-local": prove_recipient_local,
    "audience": prove_audience,
    "races": prove_races,
    "import": prove_import,
}


def main() -> None:
    """Prove what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help=f"any of {', '.join(PROOFS)}; all if none is given"
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cases", type=int, default=2_000, help="calendars: of each zone")
    parser.add_argument("--edits", type=int, default=1_000, help="races: how many")
    parser.add_argument("--clients", type=int, default=200_000, help="recipient-local: of the run")
    parser.add_argument("--zone", help="calendars: only this one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if unknown := set(options.names) - PROOFS.keys():
        parser.error(f"no such proof: {', '.join(sorted(unknown))}")
    end_by_sigterm()
    OUT.mkdir(parents=True, exist_ok=True)
    is_met = True
    for name in options.names or PROOFS:
        begun = time.monotonic()
        figures = PROOFS[name](options)
        figures["seconds"] = round(time.monotonic() - begun, 1)
        (OUT / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
        report(name, figures)
        is_met = is_met and figures["met"]
    sys.exit(0 if is_met else 1)


def report(name: str, figures: Figures) -> None:
    """Print the figures of a proof."""
    for key, value in figures.items():
        shown = f"{value:,}" if isinstance(value, int) and key != "seed" else value
        say(f"{name} {key.replace('_', ' ')}: {shown}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
