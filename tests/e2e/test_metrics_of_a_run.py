"""What the services' metrics show of a mailing that was sent."""

import re
from collections.abc import Iterable
from contextlib import suppress

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from shared.telemetry.registry import METRICS
from shared.testing import eventually
from tests.e2e.outside import Platform, new_tag

SERVICES = ("catalog", "scheduler", "dispatcher", "stats")
# What is recorded only if something fails; the tests of those failures look at it.
OF_FAILURES = {
    "loop.set_aside",
    "outbox.set_aside",
    "process.stopped",
    "traces.spans.dropped",
}
# And while somebody watches the page.
OF_WATCHERS = {"stats.live.watchers", "stats.live.frames", "stats.live.turn"}
OF_SUPPRESSIONS = {"catalog.suppressions"}  # by what reasons is known when there is one
COUNT = 500
HTTP = {"gateway": "http"}
# By how much series grow with one mailing for so many clients.
EXPECTED: tuple[tuple[str, str, dict[str, str], int], ...] = (
    ("catalog", "catalog_import_rows_total", {"outcome": "created"}, COUNT),
    ("catalog", "catalog_imports_total", {"outcome": "completed"}, 1),
    ("scheduler", "scheduler_runs_fired_total", {}, 1),
    ("scheduler", "scheduler_firing_lateness_seconds_count", {}, 1),
    ("dispatcher", "dispatcher_messages_planned_total", {}, COUNT),
    ("dispatcher", "dispatcher_attempts_total", {**HTTP, "outcome": "accepted"}, COUNT),
    ("dispatcher", "dispatcher_attempt_duration_seconds_count", HTTP, COUNT),
    ("dispatcher", "dispatcher_handover_delay_seconds_count", HTTP, COUNT),
    ("dispatcher", "dispatcher_handover_delay_seconds_bucket", {**HTTP, "le": "60.0"}, COUNT),
    ("dispatcher", "dispatcher_runs_finished_total", {}, 1),
    (
        "catalog",
        "http_server_request_duration_seconds_count",
        {"http_route": "/v1/mailings", "http_request_method": "POST"},
        1,
    ),
)
# Counters of what may never happen: a rate needs a number before the first time.
KNOWN: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("catalog", "catalog_import_rows_total", {"outcome": "rejected"}),
    ("catalog", "leases_reaped_total", {"kind": "import"}),
    ("dispatcher", "dispatcher_attempts_total", {"gateway": "smtp", "outcome": "refused"}),
    ("dispatcher", "leases_reaped_total", {"kind": "sender"}),
    ("stats", "kafka_dead_letters_total", {"consumer": "stats"}),
)
MOST_SERIES = 600  # of a service: beside what HTTP has, they are known when it starts


async def scraped(platform: Platform, service: str) -> list[Sample]:
    """Return all series that a service shows."""
    answer = await platform.http.get(platform.env[f"{service.upper()}_URL"] + "/metrics")
    return [s for f in text_string_to_metric_families(answer.text) for s in f.samples]


def value(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Return the sum of the series that have these labels."""
    return sum(
        each.value
        for each in samples
        if each.name == name and labels.items() <= each.labels.items()
    )


async def test_a_run_is_seen_in_the_metrics_of_all_services_and_each_metric_is_recorded(
    platform: Platform,
) -> None:
    tag = new_tag()
    before = {service: await scraped(platform, service) for service in SERVICES}
    await platform.import_clients(COUNT, tag=tag, first=9_190_000_000)
    run = await platform.finished(await platform.create_mailing(tag=tag))
    await platform.statistics_equal_the_ledger(run)

    for service in SERVICES:
        await platform.http.get(platform.env[f"{service.upper()}_URL"] + "/openapi.json")
    after: dict[str, list[Sample]] = {}

    def grew(service: str, name: str, **labels: str) -> float:
        return value(after[service], name, **labels) - value(before[service], name, **labels)

    async def is_seen() -> bool:
        """Return whether all was sampled since, and counted: some of it is just behind."""
        for service in SERVICES:
            after[service] = await scraped(platform, service)
        is_sampled = value(after["stats"], "stats_figures_age_seconds") > 0 and all(
            is_shown(name, after) for name in METRICS
        )
        due = value(after["dispatcher"], "dispatcher_messages_due", gateway="http")
        counted = (grew(service, name, **of) >= most for service, name, of, most in EXPECTED)
        return is_sampled and not due and all(counted)

    with suppress(AssertionError):  # what is missing is said below
        await eventually(is_seen, within=120)
    for service, name, labels, expected in EXPECTED:
        assert grew(service, name, **labels) == expected, name
    assert value(after["stats"], "stats_figures_age_seconds") > 0
    assert value(after["dispatcher"], "dispatcher_messages_due", gateway="http") == 0
    assert [each for each in METRICS if not is_shown(each, after)] == []
    assert max(len(samples) for samples in after.values()) < MOST_SERIES


def is_shown(name: str, after: dict[str, list[Sample]]) -> bool:
    """Return whether each service that a metric is of shows it, unless nothing has failed."""
    metric = METRICS[name]
    if name in OF_FAILURES | OF_WATCHERS | OF_SUPPRESSIONS:
        return True
    first = metric.series[0]
    return all(
        any(each.name == first for each in after[service])
        for service in metric.services or SERVICES
    )


async def test_a_counter_is_known_before_it_counts(platform: Platform) -> None:
    for service, name, labels in KNOWN:
        samples = await scraped(platform, service)
        found = [s for s in samples if s.name == name and labels.items() <= s.labels.items()]
        assert found, name


async def test_no_label_has_an_identifier_in_it(platform: Platform) -> None:
    identifier = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|\d{7}")
    for service in SERVICES:
        for each in await scraped(platform, service):
            if each.name == "target_info":  # one series, with the identifier of the process
                continue
            labels = {name: text for name, text in each.labels.items() if name != "le"}
            assert not [text for text in labels.values() if identifier.search(text)], each
