"""A collector for tests: takes spans over OTLP, or takes a connection and never answers."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry.export import Sampling
from shared.telemetry.spans import begin_spans


@dataclass(frozen=True)
class Exported:
    """A span as a collector gets it."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]  # to traces
    attributes: Mapping[str, str | int]


@dataclass
class Collector:
    """What came over OTLP so far."""

    url: str = ""
    spans: list[Exported] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def take(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.headers.append(headers)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = str(_attributes(of_resource.resource)["service.name"])
            for of_scope in of_resource.scope_spans:
                self.spans += [_exported(service, each) for each in of_scope.spans]

    def named(self, name: str, **attributes: str) -> list[Exported]:
        """Return the spans of a name, with these attributes (`__` for a point)."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [
            each
            for each in [*self.spans]
            if each.name == name and wanted.items() <= each.attributes.items()
        ]


def _attributes(of: Any) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


def _exported(service: str, span: Any) -> Exported:
    return Exported(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=tuple(each.trace_id.hex() for each in span.links),
        attributes=_attributes(span),
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for as long as the block lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(body, {key.lower(): each for key, each in self.headers.items()})
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing of processes that are killed on purpose."""

    with Server(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def hanging_collector() -> Iterator[str]:
    """Give the address of one that takes connections, and nothing that is sent on them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def recorded_spans(ratio: float = 1.0) -> Iterator["Recorded"]:
    """Make spans in this process for as long as the block lasts, and keep those that ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(Sampling(ratio), Resource.create({}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    begin_spans(provider)
    try:
        yield Recorded(exporter)
    finally:
        begin_spans(None)


@dataclass(frozen=True)
class Recorded:
    """The spans that have ended, in that order."""

    _exporter: InMemorySpanExporter

    @property
    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.all]

    def named(self, name: str) -> list[ReadableSpan]:
        return [each for each in self.all if each.name == name]

    def one(self, name: str) -> ReadableSpan:
        [found] = self.named(name)
        return found


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def links_of(span: ReadableSpan) -> list[str]:
    """Return the traces that a span links to."""
    return [f"{each.context.trace_id:032x}" for each in span.links]


def parent_of(span: ReadableSpan) -> str | None:
    """Return the span above, None if there is none."""
    return f"{span.parent.span_id:016x}" if span.parent else None


def traceparent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"
