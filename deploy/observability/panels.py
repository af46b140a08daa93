"""The panels of dashboards, as Grafana reads them.

Source: Grafana's JSON model of dashboards, schema 39 (Grafana 11 and newer).
"""

from typing import Any, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT, PER_ROW = 12, 8, 2


class Panel(NamedTuple):
    """A graph: each of its expressions with what its lines are called."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]  # expression, legend
    description: str = ""


class Dashboard(NamedTuple):
    """A page of graphs."""

    name: str  # of its file, and its address
    title: str
    text: str  # what is to be seen, above the graphs
    panels: tuple[Panel, ...]


def json_of(board: Dashboard) -> Json:
    """Return a dashboard as Grafana reads it."""
    return {
        "uid": f"mailings-{board.name}",
        "title": f"Mailings / {board.title}",
        "tags": ["mailings"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Prometheus",
                    "type": "datasource",
                    "query": "prometheus",
                }
            ]
        },
        "links": [
            {
                "title": "Mailings",
                "type": "dashboards",
                "tags": ["mailings"],
                "asDropdown": True,
                "keepTime": True,
            }
        ],
        "panels": [
            _text(board.text),
            *(_graph(number, each) for number, each in enumerate(board.panels, 1)),
        ],
    }


def _text(content: str) -> Json:
    return {
        "id": 100,
        "type": "text",
        "title": "",
        "gridPos": {"h": 3, "w": 24, "x": 0, "y": 0},
        "options": {"mode": "markdown", "content": content},
    }


def _graph(number: int, panel: Panel) -> Json:
    row, column = divmod(number - 1, PER_ROW)
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"h": HEIGHT, "w": WIDTH, "x": column * WIDTH, "y": 3 + row * HEIGHT},
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "custom": {"fillOpacity": 10, "showPoints": "never"},
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["last", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
            }
            for place, (expr, legend) in enumerate(panel.lines)
        ],
    }
