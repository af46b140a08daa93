"""The panels of dashboards, as Grafana reads them.

Source: Grafana's JSON model of dashboards, schema 39 (Grafana 11 and newer); its names of units
are those of `packages/grafana-data/src/valueFormats/categories.ts`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

Json: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["timeseries", "stat"]

SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS = 24
SIZES: dict[str, tuple[int, int]] = {"timeseries": (12, 8), "stat": (8, 4)}  # width, height
TEXT_HEIGHT = 3

# From where on a number is red.
NEVER_RED = (("green", None),)
RED_IF_ANY = (("green", None), ("red", 1))
RED_IF_NONE = (("red", None), ("green", 1))
Steps: TypeAlias = tuple[tuple[str, int | None], ...]


class Panel(NamedTuple):
    """A graph, or numbers as they are now: each of its expressions with what it is called."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]  # expression, legend
    description: str = ""
    kind: Kind = "timeseries"
    top: float | None = None  # the end of the scale: what it can be at most
    many: bool = False  # lines: their legend needs the height of the panel
    nothing: str = "none"  # what a number is called that is not there
    colors: Steps = NEVER_RED  # of numbers
    wide: bool = False  # as wide as the page


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
            *(
                {"id": number, **_json(panel), "gridPos": place}
                for number, (panel, place) in enumerate(_places(board.panels), 1)
            ),
        ],
    }


def _places(panels: Sequence[Panel]) -> Iterator[tuple[Panel, Json]]:
    """Yield where each panel stands: side by side as long as there is room."""
    left, top, height = 0, TEXT_HEIGHT, 0
    for panel in panels:
        w, h = SIZES[panel.kind]
        w = COLUMNS if panel.wide else w
        if left + w > COLUMNS or h != height:
            left, top = 0, top + height
        yield panel, {"h": h, "w": w, "x": left, "y": top}
        left, height = left + w, h


def _text(content: str) -> Json:
    return {
        "id": 100,
        "type": "text",
        "title": "",
        "gridPos": {"h": TEXT_HEIGHT, "w": COLUMNS, "x": 0, "y": 0},
        "options": {"mode": "markdown", "content": content},
    }


def _json(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        **(_graph(panel) if panel.kind == "timeseries" else _numbers(panel)),
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                **({"instant": True, "range": False} if panel.kind == "stat" else {}),
            }
            for place, (expr, legend) in enumerate(panel.lines)
        ],
    }


def _graph(panel: Panel) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "min": 0,
        "custom": {"fillOpacity": 10, "showPoints": "never"},
    }
    if panel.top is not None:
        defaults["max"] = panel.top
    elif panel.unit == "short":  # what is counted: no scale of hundredths
        defaults["custom"]["axisSoftMax"] = 1
    return {
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {
                "displayMode": "table",
                "placement": "right" if panel.many else "bottom",
                "calcs": ["last", "max"],
                "sortBy": "Max",
                "sortDesc": True,
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _numbers(panel: Panel) -> Json:
    steps = [{"color": color, "value": value} for color, value in panel.colors]
    return {
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "noValue": panel.nothing,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value_and_name",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }
