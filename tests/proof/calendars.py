"""Calendars: the occurrences of schedules against a model that steps through the minutes.

All zones of IANA, 2000 to 2037, schedules by chance, in the days around transitions and in
ordinary weeks. A case is a schedule between two instants: all of its occurrences are compared,
with their names and remarks. The same seed makes the same cases.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from shared.contracts.schedule import Schedule
from shared.schedule import occurrence_of, occurrences, tzdata_version, zone_names
from tests.proof.model import Due, due, step_through, zone_of
from tests.proof.sampling import Sampler, windows

CHANGING, ORDINARY = 12, 6  # windows of a zone
NAMES = 3  # of a case that are read back
SHOWN = 20  # differences
REPORTED = 50  # so many zones at a time


@dataclass(frozen=True)
class Plan:
    """How much is compared, and by which chance."""

    seed: int
    cases_per_zone: int = 2_000
    zones: Sequence[str] = field(default_factory=lambda: sorted(zone_names()))
    changing: int = CHANGING
    ordinary: int = ORDINARY


@dataclass
class Compared:
    """What came of the cases of some zones."""

    cases: int = 0
    occurrences: int = 0
    gaps: int = 0
    folds: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: "Compared") -> None:
        """Add what came of other zones."""
        self.cases += other.cases
        self.occurrences += other.occurrences
        self.gaps += other.gaps
        self.folds += other.folds
        self.differences += other.differences


def compare_zone(plan: Plan, name: str) -> Compared:
    """Compare the cases of a zone; they depend on the seed and the zone alone."""
    chance = Random(f"{plan.seed} {name}")  # noqa: S311 - not for secrets
    found = Compared()
    chosen = windows(zone_of(name), chance, plan.changing, plan.ordinary)
    for number, window in enumerate(chosen):
        minutes = step_through(name, window.begin, window.end)
        sampler = Sampler(window, chance)
        until = plan.cases_per_zone * (number + 1) // len(chosen)
        while found.cases < until:
            schedule, (after, end) = sampler.schedule(), sampler.stretch()
            ours = answers(schedule, after, end)
            expected = due(schedule, minutes, after, end)
            found.cases += 1
            found.occurrences += len(expected)
            found.gaps += sum(how == "gap" for _, _, how in expected)
            found.folds += sum(how == "fold" for _, _, how in expected)
            if ours != expected:
                found.differences.append(difference(schedule, after, end, ours, expected))
    return found


def answers(schedule: dict[str, Any], after: datetime, until: datetime) -> list[Due]:
    """Return what the platform answers."""
    kept = msgspec.convert(schedule, Schedule)
    found = list(occurrences(kept, after=after, until=until))
    assert all(occurrence_of(each.nominal) == each for each in found[:NAMES])
    return [(each.at, each.nominal, each.remark) for each in found]


def difference(
    schedule: dict[str, Any],
    after: datetime,
    until: datetime,
    ours: list[Due],
    expected: list[Due],
) -> dict[str, Any]:
    """Return a case whose answers differ, so that it can be repeated."""
    return {
        "schedule": schedule,
        "after": after.isoformat(),
        "until": until.isoformat(),
        "ours": [str(each) for each in ours if each not in expected][:SHOWN],
        "expected": [str(each) for each in expected if each not in ours][:SHOWN],
    }


def compare_all(plan: Plan, processes: int) -> Iterator[Compared]:
    """Yield what came of each zone."""
    if processes == 1:
        yield from (compare_zone(plan, name) for name in plan.zones)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(compare_zone, [plan] * len(plan.zones), plan.zones, chunksize=4)


def prove(plan: Plan, processes: int, report: Callable[[str], object]) -> dict[str, Any]:
    """Compare all cases of a plan; return the figures."""
    found = Compared()
    for number, each in enumerate(compare_all(plan, processes), start=1):
        found.add(each)
        if number % REPORTED == 0:
            report(f"{number} of {len(plan.zones)} zones, {found.cases:,} cases")
    return {
        "cases": found.cases,
        "zones": len(plan.zones),
        "seed": plan.seed,
        "tzdata": tzdata_version(),
        "occurrences": found.occurrences,
        "in_gaps": found.gaps,
        "in_folds": found.folds,
        "differences": len(found.differences),
        "first_differences": found.differences[:SHOWN],
    }
