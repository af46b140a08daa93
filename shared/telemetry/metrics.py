"""How metrics are recorded, and shown to Prometheus.

Our own are kept as numbers by name and labels: a batch of thousands is one call. Those of
libraries come through OpenTelemetry.
"""

import platform
import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from os import environ
from typing import TypeAlias

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)

from shared.clock import monotonic
from shared.telemetry.metric import Metric
from shared.telemetry.registry import METRICS

Read: TypeAlias = Callable[[], float]
Values: TypeAlias = tuple[str, ...]  # of labels, in the order of their declaration

# Series of one metric. Labels have few values; should one have many all the same, they go here.
MOST = 500
OTHER = "other"

OVERDUE_S = 15.0  # a gauge that is set every ten seconds was not set for so long

OF_ONE_RUN = re.compile(r"\.[0-9a-f-]{36}$")  # the end of a consumer's name: it is one of many


@dataclass(slots=True)
class Distribution:
    """What a histogram knows of its values: how many are in each bucket, and their sum."""

    counts: list[int]  # the last one: above all bounds
    total: float = 0.0


@dataclass(eq=False)
class Recorded:
    """All that this process has recorded."""

    services: Collection[str] | None = None  # whose metrics are shown; None: all
    numbers: dict[str, dict[Values, float]] = field(default_factory=dict)
    reads: dict[str, dict[Values, Read]] = field(default_factory=dict)
    distributions: dict[str, dict[Values, Distribution]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def collect(self) -> Iterator[Family]:
        """Yield the metrics as they are now, for Prometheus' own library."""
        for metric in METRICS.values():
            if metric.is_foreign or not self._is_shown(metric):
                continue
            match metric.kind:
                case "counter":
                    yield self._counter(metric)
                case "gauge":
                    yield self._gauge(metric)
                case "histogram":
                    yield self._histogram(metric)

    def _is_shown(self, metric: Metric) -> bool:
        return (
            self.services is None
            or not metric.services
            or not set(self.services).isdisjoint(metric.services)
        )

    def _counter(self, metric: Metric) -> Family:
        family = CounterMetricFamily(metric.prometheus_name, metric.meaning, labels=metric.labels)
        numbers = dict(self.numbers.get(metric.name, {}))
        for values, number in numbers.items() or ([] if metric.labels else [((), 0.0)]):
            family.add_metric(values, number)
        return family

    def _gauge(self, metric: Metric) -> Family:
        family = GaugeMetricFamily(metric.prometheus_name, metric.meaning, labels=metric.labels)
        for values, number in dict(self.numbers.get(metric.name, {})).items():
            family.add_metric(values, number)
        for values, read in dict(self.reads.get(metric.name, {})).items():
            family.add_metric(values, read())
        return family

    def _histogram(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(
            metric.prometheus_name, metric.meaning, labels=metric.labels
        )
        bounds = [*map(str, metric.bounds), "+Inf"]
        for values, each in dict(self.distributions.get(metric.name, {})).items():
            passed, buckets = 0, []
            for bound, number in zip(bounds, each.counts, strict=True):
                passed += number
                buckets.append((bound, passed))
            family.add_metric(values, buckets, each.total)
        return family


_recorded = Recorded()
REGISTRY.register(_recorded)


def configure_metrics(resource: Resource) -> None:
    """Set up metrics for this process, which is `resource`."""
    _recorded.services = [str(resource.attributes.get("service.name", ""))]
    version = environ.get("MAILINGS_VERSION") or "dev"
    measure("build.info", 1, version=version, python=platform.python_version())
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
    )


def exposition() -> bytes:
    """Return all metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)


def count(name: str, by: int, **labels: str) -> None:
    """Add to a counter: what a batch has brought. Adding nothing makes it known, at 0."""
    with _recorded.lock:
        series = _recorded.numbers.setdefault(name, {})
        key = _key(name, series, labels)
        series[key] = series.get(key, 0.0) + by


def measure(name: str, value: float, **labels: str) -> None:
    """Set a gauge."""
    with _recorded.lock:
        series = _recorded.numbers.setdefault(name, {})
        series[_key(name, series, labels)] = value


def show(name: str, read: Read, **labels: str) -> None:
    """Let a gauge show what `read` returns whenever somebody looks."""
    with _recorded.lock:
        series = _recorded.reads.setdefault(name, {})
        series[_key(name, series, labels)] = read


def measure_age(name: str, age_s: float, **labels: str) -> None:
    """Set a gauge to an age; it grows by itself once it should have been set again; 0 stays 0.

    Not before: what is a moment old whenever it is measured is not ten seconds old in between.
    """
    if age_s <= 0:
        show(name, lambda: 0.0, **labels)
        return
    measured_at = monotonic()

    def read() -> float:
        elapsed_s = monotonic() - measured_at
        return age_s + (elapsed_s if elapsed_s > OVERDUE_S else 0.0)

    show(name, read, **labels)


def observe(name: str, seconds: float, **labels: str) -> None:
    """Add to a histogram."""
    observe_many(name, (seconds,), **labels)


def observe_many(name: str, seconds: Sequence[float], **labels: str) -> None:
    """Add a whole batch to a histogram: sorted once, each bound is looked for, not each value."""
    if not seconds:
        return
    ordered, bounds = sorted(seconds), METRICS[name].bounds
    passed = [bisect_right(ordered, bound) for bound in bounds]
    with _recorded.lock:
        series = _recorded.distributions.setdefault(name, {})
        key = _key(name, series, labels)
        if key not in series:
            series[key] = Distribution([0] * (len(bounds) + 1))
        each = series[key]
        for place, (before, until) in enumerate(
            zip([0, *passed], [*passed, len(ordered)], strict=True)
        ):
            each.counts[place] += until - before
        each.total += sum(ordered)


def _key(name: str, series: Collection[Values], labels: dict[str, str]) -> Values:
    """Return the labels' values, or `other` for each once there are too many."""
    key = tuple([labels[each] for each in METRICS[name].labels])
    return key if key in series or len(series) < MOST else (OTHER,) * len(key)


def of_consumer(consumer: str) -> str:
    """Return a consumer's label: that of single runs is one for all of them."""
    return OF_ONE_RUN.sub("", consumer)


def begin_counting(consumer: str) -> None:
    """Let what a consumer counts be known as none: a rate needs a number before the first one."""
    for name in ("kafka.consumed", "kafka.dead_letters", "kafka.rewinds"):
        count(name, 0, consumer=of_consumer(consumer))


def consumed(consumer: str, records: int, seconds: float) -> None:
    """Count a batch that was applied."""
    count("kafka.consumed", records, consumer=of_consumer(consumer))
    observe("kafka.apply.duration", seconds, consumer=of_consumer(consumer))


def dead_letter(consumer: str) -> None:
    """Count a record that could not be applied."""
    count("kafka.dead_letters", 1, consumer=of_consumer(consumer))


def rewound(consumer: str) -> None:
    """Count that a consumer went back to the database's positions."""
    count("kafka.rewinds", 1, consumer=of_consumer(consumer))


def published(records: int) -> None:
    """Count what Kafka has acknowledged."""
    count("outbox.published", records)
