"""All metrics by name, and how they are recorded."""

from functools import cache
from typing import Any, Literal, TypeAlias

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import REGISTRY, generate_latest

# All metrics of all services. Counters count batches' contents, never one message at a time;
# an `as_of` is an instant, in seconds since the epoch.
Counter: TypeAlias = Literal[
    "kafka.consumed",
    "kafka.dead_letters",
    "kafka.rewinds",
    "loop.set_aside",
    "outbox.published",
    "outbox.set_aside",
    "dispatcher.attempts",
    "dispatcher.messages.planned",
    "dispatcher.results.dropped",
    "scheduler.runs.fired",
    "catalog.import.rows",
    "traces.spans.dropped",
]
Gauge: TypeAlias = Literal[
    "process.stopped", "outbox.as_of", "stats.as_of", "stats.runs.differing"
]
Histogram: TypeAlias = Literal["kafka.apply.duration"]


def configure_metrics(resource: Resource) -> None:
    """Set up metrics for this process, which is `resource`."""
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
    )


def exposition() -> bytes:
    """Return all metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)


def count(name: Counter, by: int, **labels: str) -> None:
    """Add to a counter."""
    _counter(name).add(by, labels)


def measure(name: Gauge, value: float, **labels: str) -> None:
    """Set a gauge."""
    _gauge(name).set(value, labels)


def observe(name: Histogram, seconds: float, **labels: str) -> None:
    """Add to a histogram."""
    _histogram(name).record(seconds, labels)


@cache
def _counter(name: Counter) -> metrics.Counter:
    return metrics.get_meter("mailings").create_counter(name)


@cache
def _gauge(name: Gauge) -> Any:  # noqa: ANN401 - its type is private to OpenTelemetry
    return metrics.get_meter("mailings").create_gauge(name)


@cache
def _histogram(name: Histogram) -> metrics.Histogram:
    return metrics.get_meter("mailings").create_histogram(name, unit="s")


def consumed(consumer: str, records: int, seconds: float) -> None:
    """Count a batch that was applied."""
    count("kafka.consumed", records, consumer=consumer)
    observe("kafka.apply.duration", seconds, consumer=consumer)


def dead_letter(consumer: str) -> None:
    """Count a record that could not be applied."""
    count("kafka.dead_letters", 1, consumer=consumer)


def rewound(consumer: str) -> None:
    """Count that a consumer went back to the database's positions."""
    count("kafka.rewinds", 1, consumer=consumer)


def published(records: int) -> None:
    """Count what Kafka has acknowledged."""
    count("outbox.published", records)
