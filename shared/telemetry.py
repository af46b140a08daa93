"""What operators see: logs, the trace that a request began, and all metrics by name."""

import io
import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from functools import cache
from types import TracebackType
from typing import Any, Literal, TextIO, TypeAlias

import structlog
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import REGISTRY, generate_latest

from shared.event import Cause
from shared.masking import mask_stacks, masked, masked_traceback

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
]
Gauge: TypeAlias = Literal[
    "process.stopped", "outbox.as_of", "stats.as_of", "stats.runs.differing"
]
Histogram: TypeAlias = Literal["kafka.apply.duration"]

# Libraries that would show keys, values or whole requests at lower levels.
QUIET = ("aiokafka", "asyncio", "sqlalchemy", "httpx", "httpcore", "uvicorn.access")

# Local variables hold phones and names: an error is described by lines of code and its own text.
WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
JSON = structlog.processors.JSONRenderer()


def configure(service: str, log_format: Literal["auto", "json", "console"]) -> None:
    """Set up logs, traces and metrics for this process, which is `service`."""
    on_terminal = sys.stderr.isatty() if log_format == "auto" else log_format == "console"
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    rendered: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=_print_traceback)]
        if on_terminal
        else [structlog.processors.ExceptionRenderer(_describe), JSON]
    )
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    foreign = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _mask_event],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *rendered,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(foreign)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(
            logging.CRITICAL if name == "aiokafka" else logging.WARNING
        )
    _log_crashes()
    resource = Resource.create({"service.name": service})
    trace.set_tracer_provider(TracerProvider(resource=resource))
    metrics.set_meter_provider(
        MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
    )


def _log_crashes() -> None:
    """Log what would otherwise be printed, line by line, between the log's lines."""
    crash = structlog.get_logger()

    def log_crash(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            sys.__excepthook__(kind, error, traceback)
        else:
            crash.critical("process.crashed", exc_info=(kind, error, traceback))

    def log_in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None:
            log_crash(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook = log_crash
    threading.excepthook = log_in_thread
    sys.unraisablehook = lambda each: crash.error(
        "process.error_ignored",
        exc_info=(each.exc_type, each.exc_value, each.exc_traceback),
    )
    logging.captureWarnings(capture=True)


def _describe(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    return mask_stacks(WITHOUT_LOCALS(exc_info))


def _print_traceback(output: TextIO, error: structlog.typing.ExcInfo) -> None:
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)
    output.write(masked_traceback(plain.getvalue()))


def _mask_event(_: object, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Mask the log lines of libraries: asyncio, for one, repeats the text of errors."""
    line["event"] = masked(str(line["event"]))
    return line


def _add_trace(_: object, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = f"{context.trace_id:032x}"
    return line


def exposition() -> bytes:
    """Return all metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)


def trace_id() -> str | None:
    """Return the current trace, 32 hexadecimal digits; None outside of one."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def traceparent() -> str | None:
    """Return the current span as a `traceparent` header; None outside of one.

    Source: W3C Trace Context §3.2.
    """
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def caused_here(cause: Cause) -> Cause:
    """Return `cause` with the current trace, unless it brings one: that stays as it began."""
    if cause.traceparent is not None:
        return cause
    return Cause(cause.event_id, cause.correlation_id, traceparent())


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
