"""Traces, as a collector gets them: from a request to the gateway and to the figures, by links."""

import re
from collections.abc import Callable

from shared.testing import eventually
from tests.e2e.outside import Platform, in_seconds, new_tag
from tests.otlp import Collector, Exported

RESULTS = {"MessagesDelivered", "MessageAttempted"}  # by the block, or one by one
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def found(collect: Callable[[], list[Exported]]) -> Exported:
    """Return the first of the spans that come."""

    async def some() -> Exported | None:
        return next(iter(collect()), None)

    return await eventually(some, within=120)


async def test_links_lead_from_a_request_to_the_gateway_and_to_the_figures(
    platform: Platform, collector: Collector
) -> None:
    tag = new_tag()
    await platform.import_clients(20, tag=tag, first=9_160_000_000)  # one in ten has a span
    platform.http.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
    mailing = await platform.create_mailing(tag=tag)
    mailing_id = mailing["mailing_id"]
    run = await platform.finished(mailing)
    await platform.statistics_equal_the_ledger(run)

    def named(name: str, **attributes: str) -> Callable[[], list[Exported]]:
        return lambda: collector.named(name, **attributes)

    def linked(name: str, trace: str, service: str) -> Callable[[], list[Exported]]:
        return lambda: [
            each
            for each in collector.named(name)
            if trace in each.links and each.service == service
        ]

    # The request, and what is below it.
    posts = named("POST /v1/mailings", url__path="/v1/mailings")  # of other tests as well
    request = await found(lambda: [each for each in posts() if each.trace == TRACE])
    command = await found(named("CreateMailing", mailings__stream=f"mailing-{mailing_id}"))
    assert request.service == "catalog"
    assert (command.trace, command.parent) == (TRACE, request.span)
    # From Kafka to the scheduler, where the run begins: each has a link to the request.
    await found(linked("publish outbox", TRACE, "catalog"))
    await found(linked("consume scheduler", TRACE, "scheduler"))
    begun = await found(named("run", mailings__mailing_id=mailing_id))
    assert begun.links == (TRACE,)
    assert begun.trace != TRACE
    # The run, in the dispatcher, and a request to the gateway.
    for name in ("plan", "claim", "record", "publish outbox"):
        await found(linked(name, begun.trace, "dispatcher"))
    sent = await found(
        lambda: [each for each in collector.named("send http") if each.trace == begun.trace]
    )
    assert sent.parent == begun.span
    assert sent.attributes["mailings.outcome"] == "accepted"
    # And the figures.
    await found(
        lambda: [
            each
            for batch in linked("consume stats", begun.trace, "stats")()
            for each in [*collector.spans]
            if each.parent == batch.span and each.name in RESULTS
        ]
    )


async def test_the_trace_of_a_run_is_on_every_record_of_it(
    platform: Platform, collector: Collector
) -> None:
    tag = new_tag()
    await platform.import_clients(1, tag=tag, first=9_165_000_000)
    mailing = await platform.create_mailing(tag=tag)
    run = await platform.finished(mailing)

    begun = await found(lambda: collector.named("run", mailings__mailing_id=mailing["mailing_id"]))

    condition = "(SELECT traceparent FROM runs r WHERE r.run_id = all_attempts.run_id) LIKE '{}'"
    recorded = condition.format(f"00-{begun.trace}-{begun.span}-%")
    assert len(await platform.attempts(run, recorded)) == 1


async def test_spans_show_no_values_of_people(platform: Platform, collector: Collector) -> None:
    tag = new_tag()
    await platform.import_clients(20, tag=tag, first=9_167_000_000)
    await platform.get("CATALOG_URL", "/v1/clients", phone="79167000001")
    mailing = await platform.create_mailing(tag=tag)
    run = await platform.finished(mailing)
    await platform.statistics_equal_the_ledger(run)
    await found(lambda: collector.named("GET /v1/clients", url__query="REDACTED"))

    shown = repr(collector.spans)
    assert not [each for each in ("7916700", "client1@", "Petrova") if each in shown]


async def test_a_collector_that_hangs_changes_no_figure(fragile_platform: Platform) -> None:
    platform, tag = fragile_platform, new_tag()
    await platform.import_clients(1_000, tag=tag, first=9_168_000_000)

    mailing = await platform.create_mailing(tag=tag, starts_at=in_seconds(0))
    run = await platform.finished(mailing)

    ledger = await platform.statistics_equal_the_ledger(run)
    assert ledger.by_status == {"delivered": 1_000}
    assert ledger.attempts == 1_000
    metrics = (await platform.http.get(platform.env["DISPATCHER_URL"] + "/metrics")).text
    dropped = re.findall(r"traces_spans_dropped_\w+{([^}]+)}", metrics)
    assert any('reason="queue_full"' in each for each in dropped)
