"""Rules and dashboards: of series that exist, and each alert with what to do about it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.observability.files import DASHBOARDS, files
from shared.telemetry.registry import METRICS
from tests.deploy.prometheus import FOREIGN, expressions, names_in, panels, rules, tool

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNBOOKS = ROOT / "docs" / "runbooks"
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
SERIES = {name for metric in METRICS.values() for name in metric.series}
ALERTS = {rule["alert"] for rule in rules() if "alert" in rule}
PARTS = ("What it means", "How to see it", "What to do", "How it was tried")

needs_promtool = pytest.mark.skipif(
    tool("promtool") is None, reason="promtool is not on the path, and PROMTOOL does not name it"
)


def test_rules_and_dashboards_are_what_the_code_says() -> None:
    for path, content in files().items():
        assert path.read_text() == content, "run python -m deploy.observability"
    assert {*DASHBOARDS.glob("*")} == {path for path in files() if path.suffix == ".json"}


@pytest.mark.parametrize(("place", "expr"), list(expressions()))
def test_an_expression_reads_series_that_exist(place: str, expr: str) -> None:
    names = names_in(expr)

    assert names, place
    assert names - SERIES - RECORDED - FOREIGN == set()
    assert expr.count("(") == expr.count(")")


def test_names_are_found_in_an_expression() -> None:
    expr = 'sum by (job) (rate(a_total{b=~"c|d"}[5m])) / 2 > (14.4 * 0.001) and e:f > bool 1e-3'

    assert names_in(expr) == {"a_total", "e:f"}


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_has_a_runbook(alert: str) -> None:
    found = [rule for rule in rules() if rule.get("alert") == alert]
    text = (RUNBOOKS / f"{alert}.md").read_text()

    for rule in found:
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{alert}.md"
        assert rule["labels"]["severity"] in {"page", "ticket"}
    assert [part for part in PARTS if f"**{part}.**" not in text] == []


def test_a_runbook_is_of_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == ALERTS


def test_each_metric_is_watched_but_for_those_to_look_closer() -> None:
    used = {name for _, expr in expressions() for name in names_in(expr)}
    unused = {metric.name for metric in METRICS.values() if used.isdisjoint(metric.series)}

    assert unused == UNWATCHED


# Neither in a rule nor on a dashboard: they are for looking closer.
UNWATCHED = {
    "outbox.set_aside",  # `outbox.unpublished` says what is left of it
    "loop.set_aside",  # as `loop.set_aside.waiting`
    "outbox.as_of.timestamp",
    "stats.as_of.timestamp",
    "catalog.imports",
    "http.server.active_requests",
    "dispatcher.messages.unrendered",  # they are failed messages, with this reason
    "traces.spans.dropped",
    "stats.live.frames",  # `stats.live.watchers` says how many get them
}


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda each: each.stem)
def test_a_dashboard_is_one_that_grafana_reads(path: Path) -> None:
    board = json.loads(path.read_text())

    assert board["uid"] == f"mailings-{path.stem}"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        fields = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert places.isdisjoint(fields), panel["title"]
        places |= fields
        assert panel["type"] in {"text", "timeseries", "stat"}


UNITS = {"short", "s", "bytes", "percentunit", "reqps", "mps", "recps", "rowsps"}
A_SECOND = {"reqps", "mps", "recps", "rowsps"}


@pytest.mark.parametrize(("place", "panel"), list(panels()))
def test_a_panel_has_the_unit_of_what_it_asks_for(place: str, panel: dict[str, Any]) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        expr = target["expr"]
        is_share = " / " in expr or "process_cpu" in expr or expr.startswith("slo:")
        is_time = "histogram_quantile" in expr or bool(re.search(r"_seconds\b(?!_)", expr))
        is_rate = "rate(" in expr and not is_time and not is_share
        assert unit in UNITS
        assert (unit == "percentunit", unit == "s") == (is_share, is_time), place
        assert (unit in A_SECOND) == is_rate, place


@pytest.mark.parametrize(("place", "panel"), list(panels()))
def test_a_panel_says_what_each_of_its_lines_is(place: str, panel: dict[str, Any]) -> None:
    legends = [target["legendFormat"] for target in panel["targets"]]
    assert len(set(legends)) == len(legends), place
    for target in panel["targets"]:
        grouped = re.search(r"\bby \(([^)]*)\)", target["expr"])
        labels = set(grouped[1].replace(" ", "").split(",")) if grouped else set()
        unsaid = labels - set(re.findall(r"{{(\w+)}}", target["legendFormat"])) - {"le"}
        assert not unsaid, place


def test_each_alert_has_a_panel_that_shows_what_it_is_about() -> None:
    named = {
        name
        for _, panel in panels()
        for list_ in re.findall(r"Alerts?: ([\w, ]+)\.", panel["description"])
        for name in list_.split(", ")
    }

    assert named == ALERTS


@needs_promtool
def test_promtool_takes_the_rules() -> None:
    _promtool("check", "rules", "deploy/observability/rules.yaml")


@needs_promtool
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    _promtool("test", "rules", "tests/deploy/rules.test.yaml")


def test_each_alert_has_a_unit_test() -> None:
    text = (HERE / "rules.test.yaml").read_text()

    assert [alert for alert in sorted(ALERTS) if f"alertname: {alert}" not in text] == []


def _promtool(*arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - ours
        [str(tool("promtool")), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
