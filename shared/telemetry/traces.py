"""The traces: which request or run something belongs to."""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from shared.event import Cause


def configure_traces(resource: Resource) -> None:
    """Set up traces for this process, which is `resource`."""
    trace.set_tracer_provider(TracerProvider(resource=resource))


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
