"""Metrics: each is recorded somewhere as it is declared, or operators wait for it in vain."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.telemetry.metric import Metric
from shared.telemetry.registry import LABELS, METRICS

ROOT = Path(__file__).parents[2]
RECORDING = {
    "count": "counter",
    "measure": "gauge",
    "measure_age": "gauge",
    "show": "gauge",
    "observe": "histogram",
    "observe_many": "histogram",
}
OWN = [each for each in METRICS.values() if not each.is_foreign]


class Call(NamedTuple):
    """A call that records a metric."""

    kind: str
    metric: str
    labels: tuple[str, ...] | None  # None: they are given as a mapping


def recorded(path: Path) -> Iterator[Call]:
    """Yield each call in a file that records a metric; a constant beside it may have its name."""
    tree = ast.parse(path.read_text())
    constants = {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="telemetry"), attr=name),
                args=[ast.Constant(value=str(metric)) | ast.Name(id=metric), _, *_],
                keywords=keywords,
            ) if name in RECORDING:
                metric = str(constants.get(metric, metric))
                given = [each.arg for each in keywords]
                labels = None if None in given else tuple(sorted(filter(None, given)))
                if metric in METRICS or "." in metric:
                    yield Call(RECORDING[name], metric, labels)


@pytest.fixture(scope="session")
def calls() -> list[Call]:
    """Give all of them; read when a test asks for them: all workers collect, and one runs it."""
    paths = [path for name in ("shared", "services") for path in (ROOT / name).rglob("*.py")]
    return [call for path in paths for call in recorded(path)]


@pytest.mark.parametrize("metric", OWN, ids=lambda each: each.name)
def test_a_metric_that_is_declared_is_recorded(metric: Metric, calls: list[Call]) -> None:
    assert metric.name in {call.metric for call in calls}


def test_what_is_recorded_is_declared(calls: list[Call]) -> None:
    assert {call.metric for call in calls} <= METRICS.keys()


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda each: each.name)
def test_a_metric_is_recorded_as_it_is_declared(metric: Metric, calls: list[Call]) -> None:
    ways = {(call.kind, call.labels) for call in calls if call.metric == metric.name}

    assert ways <= {(metric.kind, labels) for labels in (None, tuple(sorted(metric.labels)))}


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda each: each.name)
def test_a_declaration_follows_the_conventions(metric: Metric) -> None:
    assert metric.name == metric.name.lower()
    assert (
        not metric.name.endswith((".total", ".seconds", ".count"))
        or metric.is_foreign
        or (
            metric.name == "db.client.connection.count"  # Source: OpenTelemetry's conventions
        )
    )
    assert metric.unit in {"s", "By", "1"} or metric.unit.startswith("{")
    assert metric.meaning.endswith(".")
    assert set(metric.labels) <= LABELS.keys()
    assert bool(metric.bounds) == (metric.kind == "histogram")


def test_no_two_metrics_have_one_name_in_prometheus() -> None:
    names = [name for metric in METRICS.values() for name in metric.series]

    assert len(set(names)) == len(names)
