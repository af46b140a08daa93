"""Metrics: what Prometheus reads of what was recorded."""

import random
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared import telemetry
from shared.telemetry import metrics
from shared.telemetry.metrics import MOST, Recorded
from shared.telemetry.registry import METRICS
from tests.recorded import shown


def test_a_counter_adds_up_by_its_labels(recorded: Recorded) -> None:
    telemetry.count("dispatcher.attempts", 3, gateway="http", outcome="accepted")
    telemetry.count("dispatcher.attempts", 4, gateway="http", outcome="accepted")
    telemetry.count("dispatcher.attempts", 1, gateway="http", outcome="refused")

    found = shown(recorded)
    assert found["dispatcher_attempts_total", "http", "accepted"] == 7
    assert found["dispatcher_attempts_total", "http", "refused"] == 1


def test_a_counter_without_labels_is_there_before_anything_was_counted(recorded: Recorded) -> None:
    assert shown(recorded)["scheduler_runs_fired_total",] == 0


def test_a_batch_is_counted_into_buckets_as_each_of_its_values_would_be(
    recorded: Recorded,
) -> None:
    chance = random.Random(1)  # noqa: S311 - numbers, no secrets
    bounds = METRICS["dispatcher.attempt.duration"].bounds
    values = [chance.uniform(0, 12) for _ in range(500)] + list(bounds)

    telemetry.observe_many("dispatcher.attempt.duration", values[:100], gateway="http")
    telemetry.observe_many("dispatcher.attempt.duration", values[100:], gateway="http")
    telemetry.observe_many("dispatcher.attempt.duration", [], gateway="log")

    found = shown(recorded)
    name = "dispatcher_attempt_duration_seconds"
    for bound in bounds:
        at_most = sum(value <= bound for value in values)
        assert found[f"{name}_bucket", "http", str(bound)] == at_most
    assert found[f"{name}_bucket", "http", "+Inf"] == found[f"{name}_count", "http"] == len(values)
    assert found[f"{name}_sum", "http"] == pytest.approx(sum(values))
    assert (f"{name}_count", "log") not in found


def test_an_age_is_as_it_was_measured_and_grows_once_that_is_overdue(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(metrics, "monotonic", lambda: now)
    name = "outbox_oldest_age_seconds"

    telemetry.measure_age("outbox.oldest.age", 5)
    now = 110.0
    between = shown(recorded)[name,]
    now = 120.0
    overdue = shown(recorded)[name,]
    telemetry.measure_age("outbox.oldest.age", 0)
    now = 200.0

    assert between == pytest.approx(5)
    assert overdue == pytest.approx(25)
    assert shown(recorded)[name,] == 0


def test_what_a_consumer_counts_is_known_before_the_first_record(recorded: Recorded) -> None:
    telemetry.begin_counting("stats")

    found = shown(recorded)
    for name in ("kafka_consumed_total", "kafka_dead_letters_total", "kafka_rewinds_total"):
        assert found[name, "stats"] == 0


def test_what_is_shown_is_read_when_somebody_looks(recorded: Recorded) -> None:
    under_way = 1
    telemetry.show("dispatcher.requests.active", lambda: under_way, gateway="http")
    under_way = 7

    assert shown(recorded)["dispatcher_requests_active", "http"] == 7


def test_a_label_with_too_many_values_does_not_fill_the_memory(recorded: Recorded) -> None:
    for number in range(3 * MOST):
        telemetry.count("loop.set_aside", 1, loop=f"loop {number}")

    found = {key: value for key, value in shown(recorded).items() if "set_aside_total" in key[0]}
    assert len(found) == MOST + 1
    assert found["loop_set_aside_total", "other"] == 2 * MOST


def test_consumers_of_single_runs_count_as_one(recorded: Recorded) -> None:
    for _ in range(3):
        telemetry.consumed(f"stats.mend.{uuid4()}", 2, 0.1)
        telemetry.dead_letter(f"stats.mend.{uuid4()}")

    found = shown(recorded)
    assert found["kafka_consumed_total", "stats.mend"] == 6
    assert found["kafka_dead_letters_total", "stats.mend"] == 3


def test_a_service_shows_what_its_kind_records(recorded: Recorded) -> None:
    recorded.services = ["stats"]
    telemetry.measure("stats.runs.differing", 1)
    telemetry.measure("dispatcher.runs", 1, state="sending")

    names = {name for name, *_ in shown(recorded)}
    assert "stats_runs_differing" in names
    assert not {name for name in names if name.startswith(("dispatcher_", "outbox_"))}


def test_the_names_in_prometheus_are_those_of_the_registry(recorded: Recorded) -> None:
    telemetry.measure_age("outbox.oldest.age", 1)
    telemetry.observe("event_loop.lag", 0.1)

    registry = CollectorRegistry()
    registry.register(recorded)
    text = generate_latest(registry).decode()
    families = {each.name: each for each in text_string_to_metric_families(text)}
    for name in ("outbox.oldest.age", "event_loop.lag", "scheduler.runs.fired"):
        metric = METRICS[name]
        family = families[metric.prometheus_name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)
