"""What spans show of a run: batches in which it is planned, claimed and recorded, and requests."""

from collections import Counter
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from services.dispatcher.handlers import tracing
from services.dispatcher.handlers.sending import Sender
from shared import telemetry
from tests.dispatcher.world import (
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    TRACE,
    UNKNOWN,
    FakeGateway,
    World,
    work,
)
from tests.otlp import Recorded, links_of, parent_of, recorded_spans, trace_of

RUN, SPAN = TRACE.split("-")[1:3]  # of the run


async def send(world: World, gateway: FakeGateway, *, one_in: int = 1_000) -> None:
    sender = Sender(world.pool, gateway, LIMITS, traced_one_in=one_in)
    await sender.renew()
    await work(sender)


def requests(spans: Recorded) -> list[ReadableSpan]:
    return spans.named("send http")


def size(span: ReadableSpan) -> int:
    return int(str((span.attributes or {})[telemetry.BATCH_SIZE]))


async def test_planning_claiming_and_recording_link_to_the_run(world: World) -> None:
    with recorded_spans() as spans:
        await world.plan(30)
        await send(world, FakeGateway())

    for name in ("plan", "claim", "record"):
        batch = spans.one(name)
        assert links_of(batch) == [RUN]
        assert trace_of(batch) != RUN
        assert size(batch) == 30


async def test_of_many_requests_one_in_so_many_is_shown_below_its_run(world: World) -> None:
    with recorded_spans() as spans:
        await world.plan(30)
        await send(world, FakeGateway(), one_in=10)

    assert len(requests(spans)) == 3
    for each in requests(spans):
        attributes = each.attributes or {}
        assert (trace_of(each), parent_of(each)) == (RUN, SPAN)
        assert each.kind is telemetry.SpanKind.CLIENT
        assert attributes["mailings.outcome"] == "accepted"
        assert attributes["http.response.status_code"] == 200
        assert "7916" not in each.to_json()


async def test_the_first_message_is_shown_and_batches_are_counted_through(world: World) -> None:
    with recorded_spans() as spans:
        await world.plan(7)
        gateway = FakeGateway(connections=2)  # so results come in many batches
        await send(world, gateway, one_in=3)

    assert len(requests(spans)) == 3  # the first, the fourth and the seventh


async def test_failures_are_shown_with_their_reason_and_not_twice(world: World) -> None:
    with recorded_spans() as spans:
        await world.plan(5)
        await send(world, FakeGateway({1: [REFUSED], 2: [NOT_PROCESSED], 3: [UNKNOWN]}), one_in=5)

    reasons = Counter((each.attributes or {}).get("error.type") for each in requests(spans))
    assert reasons == {"status_400": 1, "status_500": 1, "timeout": 1}
    failed = [each.status.status_code is StatusCode.ERROR for each in requests(spans)]
    assert all(failed)


async def test_a_gateway_that_refuses_everything_is_shown_up_to_a_rate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(tracing, "monotonic", lambda: clock[0])
    await world.plan(50)
    gateway = FakeGateway({number: [REFUSED] for number in range(1, 51)})
    sender = Sender(world.pool, gateway, LIMITS)
    await sender.renew()
    refused: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(
            tracing.RequestSpans, "record", lambda _, results, __: refused.extend(results)
        )
        await work(sender)
    shown = tracing.RequestSpans("http", one_in=1_000_000)

    counts = []
    for passed_s in (0.0, 0.5, 3_600.0):
        clock[0] += passed_s
        with recorded_spans() as spans:
            shown.record(refused, 0)
        counts.append(len(requests(spans)))

    assert len(refused) == 50
    assert counts == [1 + 10, 5, 10]  # the first of all, and ten a second, which are not saved up


async def test_without_an_export_nothing_of_a_request_is_looked_at() -> None:
    untouchable: list[Any] = [object()]

    tracing.RequestSpans("http").record(untouchable, 0)
