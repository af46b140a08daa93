"""What operators see: logs, the trace that a request began, and all metrics by name."""

from opentelemetry.sdk.resources import Resource

from shared.telemetry.logs import LogFormat, configure_logs
from shared.telemetry.metrics import (
    Counter,
    Gauge,
    Histogram,
    configure_metrics,
    consumed,
    count,
    dead_letter,
    exposition,
    measure,
    observe,
    published,
    rewound,
)
from shared.telemetry.traces import caused_here, configure_traces, trace_id, traceparent

__all__ = (
    "Counter",
    "Gauge",
    "Histogram",
    "caused_here",
    "configure",
    "consumed",
    "count",
    "dead_letter",
    "exposition",
    "measure",
    "observe",
    "published",
    "rewound",
    "trace_id",
    "traceparent",
)


def configure(service: str, log_format: LogFormat) -> None:
    """Set up logs, traces and metrics for this process, which is `service`."""
    resource = Resource.create({"service.name": service})
    configure_logs(log_format)
    configure_traces(resource)
    configure_metrics(resource)
