"""A metric: how one is declared, and what it is called.

Named by OpenTelemetry's conventions; in Prometheus dots become `_`, and the unit and `_total`
are added.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

UNITS = {"s": "seconds", "By": "bytes"}  # the others are for readers only, as in OpenTelemetry

# Bounds of buckets, in seconds. Source: OpenTelemetry's conventions for HTTP, and longer ones for
# what takes longer. Nothing is known below the first bound but that it was below.
SHORT = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TINY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LONG = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: what it is called, and what it says."""

    kind: Kind
    name: str
    unit: str  # of UCUM, or what is counted in braces
    meaning: str
    bounds: tuple[float, ...] = ()  # of a histogram's buckets
    labels: tuple[str, ...] = ()
    services: tuple[str, ...] = ()  # that record it; none: all
    is_foreign: bool = False  # recorded by a library, with OpenTelemetry's own instruments

    @property
    def prometheus_name(self) -> str:
        """Return what Prometheus calls it; of a histogram, what its series begin with."""
        name = self.name.replace(".", "_")
        unit = UNITS.get(self.unit)
        if unit and not name.endswith(f"_{unit}"):
            name = f"{name}_{unit}"
        return f"{name}_total" if self.kind == "counter" else name

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names of its series in Prometheus."""
        name = self.prometheus_name
        ends = ("_bucket", "_count", "_sum") if self.kind == "histogram" else ("",)
        return tuple(f"{name}{end}" for end in ends)


counter = partial(Metric, "counter")
gauge = partial(Metric, "gauge")
histogram = partial(Metric, "histogram")
