"""The files that are made: rules and dashboards."""

import textwrap
from pathlib import Path

from deploy.observability import dashboards, rules

HERE = Path(__file__).parent
RULES = HERE / "rules.yaml"
DASHBOARDS = HERE / "dashboards"
OF_KUBERNETES = HERE.parent / "k8s" / "components" / "observability" / "rules.yaml"


RESOURCE = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: mailings}
spec:
"""


def files() -> dict[Path, str]:
    """Return the content of each."""
    boards = {DASHBOARDS / f"{name}.json": text for name, text in dashboards.texts().items()}
    text = rules.text()
    return {RULES: text, OF_KUBERNETES: _resource(text), **boards}


def _resource(text: str) -> str:
    """Return the rules as the Prometheus operator wants them."""
    head, _, groups = text.partition("groups:\n")
    indented = textwrap.indent(f"groups:\n{groups}", "  ")
    return f"{head}{RESOURCE}{indented}"
