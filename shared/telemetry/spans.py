"""The spans: what operators see of requests, commands and batches, once they are exported.

A batch has a trace of its own, with links to the traces that it is about; so has a run, which goes
on for hours after the request that planned it. Nothing is made where nothing is exported.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import time_ns
from types import MappingProxyType
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
    use_span,
)

from shared.errors import Error, Unavailable
from shared.telemetry.traces import header_of

LINKS = 32  # of a batch at most, each to another trace: backends show no more, and refuse many

# Source: the semantic conventions of OpenTelemetry.
BATCH_SIZE = "messaging.batch.message_count"
ERROR_TYPE = "error.type"

Attributes: TypeAlias = Mapping[str, str | int]
NO_ATTRIBUTES: Attributes = MappingProxyType({})


class _Export:
    """What makes the spans of this process; nothing until `begin_spans`."""

    tracer: Tracer | None = None


def begin_spans(provider: TracerProvider | None) -> None:
    """Make spans with `provider` from now on; with None, none."""
    _Export.tracer = provider.get_tracer("mailings") if provider else None


def is_exporting() -> bool:
    """Return whether spans are made at all."""
    return _Export.tracer is not None


@contextmanager
def span(name: str, attributes: Attributes = NO_ATTRIBUTES) -> Iterator[None]:
    """Make a span of the block, below the current one."""
    if _Export.tracer is None:
        yield
        return
    made = _Export.tracer.start_span(name, attributes=attributes)
    with _current(made):
        yield
    made.end()


class Batch:
    """A batch at work. What it is about is added as that becomes known."""

    def __init__(self, made: Span | None = None, linked: Iterable[str] = ()) -> None:
        self._made = made
        self._linked = {*linked}
        self.size = 0

    def add(self, count: int, traceparent: str | None = None) -> None:
        """Count messages or records, and link to the trace that they belong to."""
        self.size += count
        if self._made is None or traceparent is None or traceparent in self._linked:
            return
        if len(self._linked) < LINKS and (context := context_of(traceparent)):
            self._linked.add(traceparent)
            self._made.add_link(context)


@contextmanager
def batch(
    name: str,
    attributes: Attributes = NO_ATTRIBUTES,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    traceparents: Iterable[str] = (),
) -> Iterator[Batch]:
    """Make a span of the block, with a trace of its own; none if nothing was in the batch.

    It links to the first of `traceparents`, and to what is added.
    """
    if _Export.tracer is None:
        yield Batch()
        return
    linked = _first_distinct(traceparents)
    links = [Link(context) for context in linked.values()]
    made = _Export.tracer.start_span(name, Context(), kind, attributes, links)
    at_work = Batch(made, linked)
    with _current(made):
        yield at_work
    if at_work.size:
        made.set_attribute(BATCH_SIZE, at_work.size)
        made.end()


def _first_distinct(traceparents: Iterable[str]) -> dict[str, SpanContext]:
    found: dict[str, SpanContext] = {}
    for each in traceparents:
        if each not in found and (context := context_of(each)):
            found[each] = context
            if len(found) == LINKS:
                break
    return found


class OwnTrace:
    """A trace that was begun: its first span ends when what it stands for is on record."""

    def __init__(self, traceparent: str | None, made: Span | None = None) -> None:
        self.traceparent = traceparent
        self._made = made

    def end(self) -> None:
        """End the span; without that it is never exported."""
        if self._made is not None:
            self._made.end()


def own_trace(
    name: str, caused_by: str | None, attributes: Attributes = NO_ATTRIBUTES
) -> OwnTrace:
    """Begin a trace that is linked to the one that caused it; that one itself if none is made."""
    if _Export.tracer is None:
        return OwnTrace(caused_by)
    cause = context_of(caused_by) if caused_by else None
    links = [Link(cause)] if cause else []
    made = _Export.tracer.start_span(name, Context(), SpanKind.INTERNAL, attributes, links)
    return OwnTrace(header_of(made.get_span_context()), made)


def finished(
    name: str,
    attributes: Attributes,
    *,
    kind: SpanKind,
    duration_s: float,
    ended_ago_s: float = 0.0,
    traceparent: str | None = None,
) -> None:
    """Make a span of what is over already, below `traceparent` or else the current span.

    With an `error.type` it is a failure, which is made whether its trace is sampled or not.
    """
    if _Export.tracer is None:
        return
    below = context_of(traceparent) if traceparent else None
    parent = set_span_in_context(NonRecordingSpan(below)) if below else None
    ended_at = time_ns() - round(ended_ago_s * 1e9)
    made = _Export.tracer.start_span(
        name, parent, kind, attributes, start_time=ended_at - round(duration_s * 1e9)
    )
    if ERROR_TYPE in attributes:
        made.set_status(StatusCode.ERROR)
    made.end(ended_at)


@contextmanager
def _current(made: Span) -> Iterator[None]:
    """Let the block run in a span, which ends here if it raises: with the kind of the error.

    Never with its text: that may have the values of a row in it.
    """
    with use_span(made, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except Exception as error:
            made.set_attribute(ERROR_TYPE, type(error).__name__)
            if not isinstance(error, Error) or isinstance(error, Unavailable):
                made.set_status(StatusCode.ERROR)  # a refusal is an answer
            made.end()
            raise


def context_of(traceparent: str) -> SpanContext | None:
    """Return the span that a `traceparent` header names; None if it is none.

    Source: W3C Trace Context §3.2.
    """
    try:
        _, trace_id, span_id, flags = traceparent.split("-")
        context = SpanContext(
            int(trace_id, 16),
            int(span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(int(flags, 16)),
        )
    except ValueError:
        return None
    return context if context.is_valid else None
