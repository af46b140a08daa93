"""What rules and dashboards ask Prometheus for, and the real one if this machine has it."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import yaml

from deploy.observability.files import DASHBOARDS, RULES

# Of Prometheus and of its library for Python, not ours.
FOREIGN = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}
TEXTS = re.compile(r'"[^"]*"')
LABELS = re.compile(r"{[^}]*}|\b(?:by|without|on|ignoring)\s*\([^)]*\)|\[[^\]]*\]")
VARIABLES = re.compile(r"\$\w+")  # of Grafana
NAMES = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
WORDS = {"and", "or", "unless", "bool", "sum", "max", "min", "count", "rate", "increase"}
WORDS |= {"histogram_quantile", "avg_over_time", "clamp_min", "offset"}


def tool(name: str) -> str | None:
    """Return where `promtool` or `prometheus` is; None if it is not here."""
    return os.environ.get(name.upper()) or shutil.which(name)


def names_in(expr: str) -> set[str]:
    """Return the names of the series that an expression reads."""
    plain = VARIABLES.sub("", LABELS.sub(" ", TEXTS.sub('""', expr)))
    return set(NAMES.findall(re.sub(r"(?<![\w:])[0-9.]+(e-?[0-9]+)?", " ", plain))) - WORDS


def rules() -> list[dict[str, Any]]:
    """Return all rules."""
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each expression with where it stands."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for place, panel in panels():
        for target in panel["targets"]:
            yield place, target["expr"]


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each panel that asks for something, with where it stands."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            if "targets" in panel:
                yield f"{path.stem}: {panel['title']}", panel
