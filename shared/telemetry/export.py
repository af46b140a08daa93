"""The export of spans over OTLP, by a thread of its own: whatever the collector does, we go on.

What waits is bounded; what does not fit, and what the collector did not take, is dropped and
counted.
"""

import atexit
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import Attributes

from shared.masking import masked_path
from shared.setting_values import TraceExport
from shared.telemetry.metrics import count
from shared.telemetry.spans import ERROR_TYPE, begin_spans

log = structlog.get_logger()

Left: TypeAlias = Callable[[int], None]  # is called with how many spans have left

AT_ONCE = 512  # spans of one request to the collector
EVERY_S = 1.0  # between two requests, if there are not as many before
TIMEOUT_S = 10.0  # of a request with all its repetitions. Source: OTLP's specification
LAST_WITHIN_S = 2.0  # for what waits when the process ends

# What FastAPI puts into a span and may name a person: a phone that is searched for, or misplaced.
QUERY, PATH = "url.query", "url.path"
MASKED_QUERY = "REDACTED"  # Source: the semantic conventions, for values that are sensitive


def configure_traces(resource: Resource, export: TraceExport | None) -> None:
    """Set up traces for this process, which is `resource`; with `export`, send them there."""
    if export is None:  # requests have identifiers all the same
        trace.set_tracer_provider(TracerProvider(ALWAYS_OFF, resource))
        return
    # A start without it is a twentieth shorter, and most have no collector.
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 (slow)

    exporter = trace_exporter.OTLPSpanExporter(
        f"{export.endpoint.rstrip('/')}/v1/traces",
        headers=parse_env_headers(export.headers, liberal=True),
        timeout=TIMEOUT_S,
    )
    provider = provider_of(resource, exporter, export)
    trace.set_tracer_provider(provider)
    begin_spans(provider)
    atexit.register(end_within, provider, LAST_WITHIN_S)


def provider_of(resource: Resource, exporter: SpanExporter, export: TraceExport) -> TracerProvider:
    """Return what makes spans and gives them to `exporter`, in a thread."""
    provider = TracerProvider(Sampling(export.ratio), resource, shutdown_on_exit=False)
    provider.add_span_processor(BoundedExport(exporter, export.queue_size))
    return provider


def end_within(provider: TracerProvider, seconds: float) -> None:
    """Export what waits, and end; leave it behind after some time: a collector may hang."""
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(seconds)


class Sampling(Sampler):
    """Decides which spans are made.

    The children of those that are, and a share of what has no parent. A batch or a run that is
    linked to traces is made if one of those is; a failure that is over already always.
    """

    def __init__(self, ratio: float) -> None:
        self._plain = ParentBasedTraceIdRatio(ratio)

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return the decision about a span that is about to start."""
        is_linked = any(each.context.trace_flags.sampled for each in links or ())
        is_failure = ERROR_TYPE in (attributes or ())
        sampler = ALWAYS_ON if is_linked or is_failure else self._plain
        return sampler.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Return what it does, for people."""
        return "linked, failed, or by the parent, or a share of the traces"


class BoundedExport(SpanProcessor):
    """Hands spans to a thread that exports them, up to `limit` that wait.

    Nothing here waits for the collector.
    """

    def __init__(self, exporter: SpanExporter, limit: int) -> None:
        self._limit = limit
        self._waiting = 0  # the thread's and ours: so nothing is dropped in there, uncounted
        self._lock = threading.Lock()
        self._thread = BatchSpanProcessor(
            _Counted(exporter, self._left),
            max_queue_size=limit,
            max_export_batch_size=min(AT_ONCE, limit),
            schedule_delay_millis=EVERY_S * 1000,
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Mask what an address may have of a person."""
        attributes = span.attributes or {}
        if QUERY in attributes:
            span.set_attribute(QUERY, MASKED_QUERY)
        if PATH in attributes:
            span.set_attribute(PATH, masked_path(str(attributes[PATH])))

    def on_end(self, span: ReadableSpan) -> None:
        """Let a span wait for its export, or drop it if too many do."""
        with self._lock:
            has_room = self._waiting < self._limit
            self._waiting += has_room
        if has_room:
            self._thread.on_end(span)
        else:
            count("traces.spans.dropped", 1, reason="queue_full")

    def shutdown(self) -> None:
        """Export what waits, and end the thread."""
        self._thread.shutdown()  # type: ignore[no-untyped-call] # the SDK's

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what waits now."""
        return self._thread.force_flush(timeout_millis)

    def _left(self, spans: int) -> None:
        with self._lock:
            self._waiting -= spans


class _Counted(SpanExporter):
    """Exports, counts what is not taken, and logs when that begins and when it is over."""

    def __init__(self, exporter: SpanExporter, left: Left) -> None:
        self._exporter = exporter
        self._left = left
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch; what fails is not kept."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, it is the exporter's
            result = SpanExportResult.FAILURE
        finally:
            self._left(len(spans))
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing:
            count("traces.spans.dropped", len(spans), reason="not_exported")
        if is_failing is not self._is_failing:
            self._is_failing = is_failing
            log.warning("traces.not_exported") if is_failing else log.info("traces.exported")
        return result

    def shutdown(self) -> None:
        """End a repetition that is under way, and close the connection."""
        self._exporter.shutdown()
