"""Metrics: each one that is declared is recorded somewhere, or operators wait for it in vain."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from shared import telemetry

ROOT = Path(__file__).parents[2]
RECORDING = {
    "count": telemetry.Counter,
    "measure": telemetry.Gauge,
    "observe": telemetry.Histogram,
}


def recorded() -> Iterator[tuple[str, str]]:
    """Yield each call that records a metric: the function's name, and the metric's."""
    for path in (p for name in ("shared", "services") for p in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Name(id=name) | ast.Attribute(attr=name),
                    args=[ast.Constant(value=str(metric)), *_],
                ) if name in RECORDING:
                    yield name, metric


def test_every_metric_that_is_declared_is_recorded() -> None:
    declared = {(name, metric) for name, kind in RECORDING.items() for metric in get_args(kind)}

    assert declared - set(recorded()) == set()
