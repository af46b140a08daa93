"""The export: what a collector gets, what is dropped, and that it can neither stop nor slow us."""

import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from shared.setting_values import TraceExport
from shared.telemetry import export
from shared.telemetry.export import provider_of
from tests.otlp import collecting, hanging_collector

LIMIT = 64

# In a process of its own: it is set up once.
EXPORTING = """
import sys
from shared import telemetry
from shared.setting_values import TraceExport

telemetry.configure("test", "json", TraceExport(sys.argv[1], "authorization=Bearer%20secret"))
for number in range(3):
    with telemetry.span("Command"):
        pass
"""


async def run(url: str, *, within: float) -> str:
    """Let a process export to an address, and end; return its log."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", EXPORTING, url),
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            _, logged = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0
    return logged.decode()


async def test_a_collector_gets_the_spans_of_a_process_that_ends() -> None:
    with collecting() as collector:
        await run(collector.url, within=60)

    assert [(each.service, each.name) for each in collector.spans] == [("test", "Command")] * 3
    assert {each["authorization"] for each in collector.headers} == {"Bearer secret"}


async def test_a_process_ends_though_its_collector_hangs() -> None:
    with hanging_collector() as url:
        await run(url, within=25)


async def test_a_collector_that_is_away_is_a_line_of_the_log() -> None:
    logged = [
        json.loads(line) for line in (await run("http://127.0.0.1:1", within=25)).splitlines()
    ]

    assert [line["event"] for line in logged] in ([], ["traces.not_exported"])


@pytest.fixture
def dropped(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    counted: list[tuple[int, str]] = []

    def count(name: str, by: int, *, reason: str) -> None:
        assert name == "traces.spans.dropped"
        counted.append((by, reason))

    monkeypatch.setattr(export, "count", count)
    return counted


class Hanging(SpanExporter):
    """Takes nothing until it may."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.exported = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may_end.wait(20)  # less than the library waits for it at an end
        self.exported += len(spans)
        return SpanExportResult.SUCCESS


class Failing(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if len(spans) > 1:
            raise OSError
        return SpanExportResult.FAILURE


def provider(exporter: SpanExporter) -> TracerProvider:
    to = TraceExport("http://collector:4318", queue_size=LIMIT)
    return provider_of(Resource.create({}), exporter, to)


def end_spans(provider: TracerProvider, count: int) -> None:
    tracer = provider.get_tracer("test")
    for _ in range(count):
        tracer.start_span("span").end()


def test_what_a_hanging_collector_does_not_take_is_dropped_and_counted(
    dropped: list[tuple[int, str]],
) -> None:
    hanging = Hanging()
    made = provider(hanging)
    try:
        end_spans(made, 10 * LIMIT)

        assert dropped == [(1, "queue_full")] * (9 * LIMIT)
    finally:
        hanging.may_end.set()
        made.force_flush()
    assert hanging.exported == LIMIT

    end_spans(made, LIMIT)  # there is room again
    made.shutdown()
    assert hanging.exported == 2 * LIMIT


def test_the_end_of_a_process_waits_for_no_collector() -> None:
    hanging = Hanging()
    made = provider(hanging)
    end_spans(made, LIMIT)
    try:
        export.end_within(made, 0.1)

        assert hanging.exported == 0
    finally:
        hanging.may_end.set()


def test_what_a_collector_refuses_is_counted_and_room_for_others(
    dropped: list[tuple[int, str]],
) -> None:
    made = provider(Failing())

    with capture_logs() as lines:
        for _ in range(3):
            end_spans(made, LIMIT)
            made.force_flush()
        made.shutdown()

    assert sum(by for by, _ in dropped) == 3 * LIMIT
    assert {reason for _, reason in dropped} == {"not_exported"}
    assert [line["event"] for line in lines] == ["traces.not_exported"]  # once


def test_an_address_shows_nobody() -> None:
    kept = InMemorySpanExporter()
    made = provider(kept)
    run = "/v1/runs/01890a5d-ac96-774b-bcce-b302099a8057/messages"

    for path in (run, "/v1/clients/79161234567", "/v1/clients/anna@example.org"):
        attributes = {"url.path": path, "url.query": "phone=79161234567"}
        made.get_tracer("fastapi").start_span("GET", attributes=attributes).end()
    made.force_flush()
    made.shutdown()

    shown = [each.attributes or {} for each in kept.get_finished_spans()]
    assert [each["url.path"] for each in shown] == [run, "/v1/clients/…", "/v1/clients/…"]
    assert {each["url.query"] for each in shown} == {"REDACTED"}
