"""Panels about what is sent and shown, which several dashboards have."""

from deploy.observability.panels import Panel
from deploy.observability.queries import quantile, rate

ATTEMPTS = Panel(
    "Attempts by outcome",
    "mps",
    ((rate("dispatcher_attempts_total", "gateway, outcome"), "{{gateway}} {{outcome}}"),),
    "Attempts that are on record. `not_processed` is tried again, `refused` is not, `unknown` "
    "may have arrived. Alert: GatewayFailing.",
    many=True,
)
DUE = Panel(
    "Messages that are due and not claimed",
    "short",
    (("max by (gateway) (dispatcher_messages_due)", "{{gateway}}"),),
    "`other` are those for a gateway that no dispatcher has. Alert: MessagesWaiting.",
)
DUE_AGE = Panel(
    "How long the oldest of them has been due",
    "s",
    (("max by (gateway) (dispatcher_messages_due_age_seconds)", "{{gateway}}"),),
    "Alert: MessagesWaiting.",
)
RUNS = Panel(
    "Runs that are not finished",
    "short",
    (("max by (state) (dispatcher_runs)", "{{state}}"),),
)
FIGURES = Panel(
    "Age of the figures",
    "s",
    (("min(stats_figures_age_seconds)", "statistics"),),
    "How old the statistics are, measured every ten seconds. Alert: FiguresOld.",
)
OUTBOX_AGE = Panel(
    "Outbox: age of the oldest transaction that is not in Kafka",
    "s",
    (("max by (job) (outbox_oldest_age_seconds)", "{{job}}"),),
    "Measured every ten seconds. Alert: OutboxOld.",
)
HANDOVER = Panel(
    "From due and allowed to the first attempt",
    "s",
    tuple(
        (quantile(share, "dispatcher_handover_delay_seconds", "gateway"), legend)
        for share, legend in (("0.5", "{{gateway}} median"), ("0.99", "{{gateway}} 99 %"))
    ),
    "Grows while a mailing is larger than its gateway takes at once. Alert: DispatchLate.",
)
