"""What operators see: logs, the trace that a request began, and all metrics by name."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind

from shared.setting_values import TraceExport
from shared.telemetry.export import configure_traces
from shared.telemetry.logs import LogFormat, configure_logs
from shared.telemetry.metrics import (
    OTHER,
    Read,
    begin_counting,
    configure_metrics,
    consumed,
    count,
    dead_letter,
    exposition,
    measure,
    measure_age,
    observe,
    observe_many,
    of_consumer,
    published,
    rewound,
    show,
)
from shared.telemetry.spans import (
    BATCH_SIZE,
    ERROR_TYPE,
    Batch,
    OwnTrace,
    batch,
    finished,
    is_exporting,
    own_trace,
    span,
)
from shared.telemetry.statements import statement, watch_statements
from shared.telemetry.traces import caused_here, trace_id, traceparent

__all__ = (
    "BATCH_SIZE",
    "ERROR_TYPE",
    "OTHER",
    "Batch",
    "OwnTrace",
    "Read",
    "SpanKind",
    "batch",
    "begin_counting",
    "caused_here",
    "configure",
    "consumed",
    "count",
    "dead_letter",
    "exposition",
    "finished",
    "is_exporting",
    "measure",
    "measure_age",
    "observe",
    "observe_many",
    "of_consumer",
    "own_trace",
    "published",
    "rewound",
    "show",
    "span",
    "statement",
    "trace_id",
    "traceparent",
    "watch_statements",
)


def configure(service: str, log_format: LogFormat, export: TraceExport | None = None) -> None:
    """Set up logs, metrics and traces for this process, which is `service`.

    Traces are sent to where `export` says; without it, requests have identifiers only.
    """
    resource = Resource.create({"service.name": service})
    configure_logs(log_format)
    configure_metrics(resource)
    configure_traces(resource, export)
