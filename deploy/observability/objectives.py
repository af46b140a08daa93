"""The objectives: what users may expect, and alerts when too much of it is used up too fast.

Source: Google's Site Reliability Workbook, chapter 5, multiwindow, multi-burn-rate alerts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Rule: TypeAlias = dict[str, Any]

REQUESTS = "http_server_request_duration_seconds"
LONG_ROUTES = 'http_route!~".*/(imports|export).*"'  # that take as long as there is to read
TIMELY_S = 300  # a message counts as late if it is handed over later than that
FRESH_S = 60

# How many times faster than allowed, over how long, whether it is still so, and who is told.
BURNS = (
    ("14.4", "1h", "5m", "page"),
    ("6", "6h", "30m", "page"),
    ("1", "3d", "6h", "ticket"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """A share that is to be good over 30 days."""

    alert: str
    name: str  # of its recorded series
    target: float
    errors: str  # an expression, the share that is not good over {window}
    summary: str

    @property
    def budget(self) -> str:
        """Return the share that need not be good."""
        return f"{1 - self.target:.4g}"

    def series(self, window: str) -> str:
        """Return the name of what is recorded for a window."""
        return f"slo:{self.name}:errors_{window}"

    def recorded(self) -> Iterator[Rule]:
        """Yield the rules that record the share of errors."""
        for window in dict.fromkeys(each for _, *both, _ in BURNS for each in both):
            yield {
                "record": self.series(window),
                "expr": self.errors.replace("{window}", window),
            }

    def alerts(self) -> Iterator[Rule]:
        """Yield an alert for each speed at which the budget is used up."""
        for speed, window, still, severity in BURNS:
            limit = f"({speed} * {self.budget})"
            yield {
                "alert": self.alert,
                "expr": f"{self.series(window)} > {limit} and {self.series(still)} > {limit}",
                "for": "2m",
                "labels": {"severity": severity, "window": window},
                "annotations": {
                    "summary": self.summary,
                    "runbook": f"docs/runbooks/{self.alert}.md",
                },
            }


def _share(bad: str, of: str, by: str) -> str:
    return f"{bad} / (sum by ({by}) (rate({of}[{{window}}])) > 0)"


def _slow(metric: str, bound: str, by: str, labels: str = "") -> str:
    """Return the share of a histogram's values above a bound."""
    picked = ",".join(filter(None, [f'le="{bound}"', labels]))
    count = f"{metric}_count{{{labels}}}" if labels else f"{metric}_count"
    fast = f"sum by ({by}) (rate({metric}_bucket{{{picked}}}[{{window}}]))"
    return f"1 - {_share(fast, count, by)}"


FAILED = (
    f'(sum by (job) (rate({REQUESTS}_count{{http_response_status_code=~"5.."}}[{{window}}]))'
    f" or 0 * sum by (job) (rate({REQUESTS}_count[{{window}}])))"
)

OBJECTIVES = (
    Objective(
        alert="ApiErrors",
        name="api_availability",
        target=0.999,
        errors=_share(FAILED, f"{REQUESTS}_count", "job"),
        summary="{{ $labels.job }} answers {{ $value | humanizePercentage }} of its requests "
        "with an error of its own (99.9 % are to be good)",
    ),
    Objective(
        alert="ApiSlow",
        name="api_latency",
        target=0.99,
        errors=_slow(REQUESTS, "1.0", "job", LONG_ROUTES),
        summary="{{ $labels.job }} needs more than a second for "
        "{{ $value | humanizePercentage }} of its requests (99 % are to be faster)",
    ),
    Objective(
        alert="DispatchLate",
        name="dispatch_timeliness",
        target=0.99,
        errors=_slow("dispatcher_handover_delay_seconds", f"{TIMELY_S}.0", "gateway"),
        summary="{{ $value | humanizePercentage }} of the messages for gateway "
        f"{{{{ $labels.gateway }}}} start later than {TIMELY_S} s after they were due and "
        "allowed (99 % are to be in time)",
    ),
    Objective(
        alert="FiguresOld",
        name="figures_freshness",
        target=0.99,
        errors="avg_over_time(slo:figures_freshness:is_stale[{window}])",
        summary=f"statistics were older than {FRESH_S} s for "
        "{{ $value | humanizePercentage }} of the time (99 % are to be fresher)",
    ),
)
STALE: Rule = {
    "record": "slo:figures_freshness:is_stale",
    "expr": f"min(stats_figures_age_seconds) > bool {FRESH_S}",
}
