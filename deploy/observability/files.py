"""The files that are made: rules and dashboards."""

from pathlib import Path

from deploy.observability import dashboards, rules

HERE = Path(__file__).parent
RULES = HERE / "rules.yaml"
DASHBOARDS = HERE / "dashboards"


def files() -> dict[Path, str]:
    """Return the content of each."""
    boards = {DASHBOARDS / f"{name}.json": text for name, text in dashboards.texts().items()}
    return {RULES: rules.text(), **boards}
