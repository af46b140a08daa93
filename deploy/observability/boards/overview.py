"""The dashboard of the whole platform."""

from deploy.observability.boards.sending import ATTEMPTS, DUE, FIGURES, OUTBOX_AGE, RUNS
from deploy.observability.objectives import REQUESTS
from deploy.observability.panels import RED_IF_ANY, RED_IF_NONE, Dashboard, Panel
from deploy.observability.queries import happened, quantile, rate

OVERVIEW = Dashboard(
    "overview",
    "Platform",
    "Whether mailings are sent, in time, and whether the figures show it. "
    "What each alert means stands in `docs/runbooks/`.",
    (
        Panel(
            "Alerts that fire",
            "short",
            (
                (
                    'count by (alertname, severity) (ALERTS{alertstate="firing"})',
                    "{{alertname}} ({{severity}})",
                ),
            ),
            "Each has its page in `docs/runbooks/`.",
            kind="stat",
            colors=RED_IF_ANY,
        ),
        Panel(
            "Processes that answer",
            "short",
            (("sum by (job) (up)", "{{job}}"),),
            "Of each service, how many Prometheus reaches. Alert: ServiceDown.",
            kind="stat",
            colors=RED_IF_NONE,
        ),
        Panel(
            "What waits for a decision",
            "short",
            (
                ("max by (job) (kafka_dead_letters_stored) > 0", "{{job}}: dead letters"),
                ("max by (job) (outbox_unpublished) > 0", "{{job}}: events that Kafka refused"),
                ("max by (job) (loop_set_aside_waiting) > 0", "{{job}}: rows set aside"),
                ("max by (job, part) (process_stopped) > 0", "{{job}}: {{part}} stopped"),
                ("max(stats_runs_differing) > 0", "runs whose figures differ"),
            ),
            "Alerts: DeadLetters, EventsRefused, RowsSetAside, PartStopped, FiguresDiffer.",
            kind="stat",
            colors=RED_IF_ANY,
        ),
        Panel(
            "Requests by service",
            "reqps",
            ((rate(f"{REQUESTS}_count", "job"), "{{job}}"),),
        ),
        Panel(
            "Share of requests answered with 5xx, of the last 5 minutes",
            "percentunit",
            (("slo:api_availability:errors_5m", "{{job}}"),),
            "Alert: ApiErrors.",
        ),
        Panel(
            "99 % of the requests take at most",
            "s",
            ((quantile("0.99", REQUESTS, "job"), "{{job}}"),),
            "Imports and exports are in it, which take as long as their files. Alert: ApiSlow.",
        ),
        Panel(
            "Suppressions entered",
            "short",
            ((happened("catalog_suppressions_total", "reason"), "{{reason}}"),),
            "Whom nothing is written to any more, by the reason. Alert: UnsubscribesFailing.",
        ),
        ATTEMPTS,
        DUE,
        RUNS,
        FIGURES,
        OUTBOX_AGE,
    ),
)
