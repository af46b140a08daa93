"""Recovered: after how long a kill was got over."""

import math
from collections.abc import Sequence

from tests.chaos.evidence import Fault, Sample

CURRENT_S = 2.0  # statistics that are not older are current


def recovered_after(faults: Sequence[Fault], samples: Sequence[Sample]) -> list[float]:
    """Return after how many seconds each kill was got over: sending, and statistics current.

    It is the first good moment after the last bad one before the next fault.
    """
    ordered = sorted(faults, key=lambda each: each.at_ms)
    found = []
    for number, fault in enumerate(ordered):
        if fault.kind != "kill":
            continue
        until = ordered[number + 1].at_ms if number + 1 < len(ordered) else math.inf
        after = [each for each in samples if each.at_ms >= fault.at_ms]
        bad = [each.at_ms for each in after if each.at_ms < until and not is_good(each)]
        start = bad[-1] if bad else fault.at_ms
        good = next((each.at_ms for each in after if each.at_ms >= start and is_good(each)), None)
        if good is not None:
            found.append(round((good - fault.at_ms) / 1_000, 2))
    return found


def is_good(sample: Sample) -> bool:
    """Return whether gateways get requests, and statistics are current."""
    return sample.is_sending and sample.lag_s is not None and sample.lag_s <= CURRENT_S


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that so many percent of all do not exceed."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
