"""The page of metrics, `docs/metrics.md`: `python -m deploy.metrics_docs` writes it."""

from collections.abc import Iterable
from pathlib import Path

from shared.telemetry.metric import Metric
from shared.telemetry.registry import LABELS, METRICS

PATH = Path(__file__).parents[1] / "docs" / "metrics.md"

BEGIN = """# Metrics

Made by `python -m deploy.metrics_docs` of the declarations in `shared/telemetry/`; what is watched
with them says [operations.md](operations.md), Watching.

Each service shows its own at `/metrics`, in Prometheus' text format. Its name is not in them:
it is the label `job` that Prometheus gives to what it scrapes. A counter grows from the start of
the process; a gauge of a table is asked of the database every ten seconds, by each replica, and so
the same in all of them: `max`, not `sum`. An age grows by itself once the next answer is overdue.
Buckets of histograms are in seconds. Beside these are `process_…` and `python_…` of the process
itself.
"""


def text() -> str:
    """Return the page."""
    common = [each for each in METRICS.values() if not each.services]
    parts = [BEGIN, "## Of every service\n", _table(common)]
    for services in dict.fromkeys(each.services for each in METRICS.values() if each.services):
        own = [each for each in METRICS.values() if each.services == services]
        parts += [f"## Of {_listed(services)}\n", _table(own)]
    labels = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in LABELS.items())
    parts += ["## Labels\n", f"| label | what it is |\n|---|---|\n{labels}"]
    return "\n".join(parts)


def _table(metrics: Iterable[Metric]) -> str:
    rows = "".join(
        f"| `{each.prometheus_name}` | {each.kind} | {_labels(each)} | {each.meaning} |\n"
        for each in metrics
    )
    return f"| metric | kind | labels | what it says |\n|---|---|---|---|\n{rows}"


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{each}`" for each in metric.labels) or "none"


def _listed(services: tuple[str, ...]) -> str:
    *first, last = services
    return f"{', '.join(first)} and {last}" if first else last


if __name__ == "__main__":
    PATH.write_text(text())
