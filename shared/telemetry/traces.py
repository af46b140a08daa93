"""The trace that a request began, as logs and events carry it: it is there without any export."""

from opentelemetry.trace import SpanContext, get_current_span

from shared.event import Cause


def trace_id() -> str | None:
    """Return the current trace, 32 hexadecimal digits; None outside of one."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def traceparent() -> str | None:
    """Return the current span as a `traceparent` header; None outside of one."""
    context = get_current_span().get_span_context()
    return header_of(context) if context.is_valid else None


def header_of(context: SpanContext) -> str:
    """Return a span as a `traceparent` header.

    Source: W3C Trace Context §3.2.
    """
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def caused_here(cause: Cause) -> Cause:
    """Return `cause` with the current trace, unless it brings one: that stays as it began."""
    if cause.traceparent is not None:
        return cause
    return Cause(cause.event_id, cause.correlation_id, traceparent())
