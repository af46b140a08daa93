"""The dashboard of one mailing's way."""

from deploy.observability.boards.sending import ATTEMPTS, DUE, DUE_AGE, FIGURES, HANDOVER, RUNS
from deploy.observability.panels import Dashboard, Panel
from deploy.observability.queries import R, happened, quantile, rate

MAILING = Dashboard(
    "mailing",
    "One mailing",
    "The way of a mailing from its time to the last figure: choose the time of its run. No metric "
    "has the identifier of a mailing in it: `./mailings messages list --run RUN` shows a single "
    "one, and its trace is in the trace store.",
    (
        Panel(
            "Runs fired, missed and finished",
            "short",
            (
                (happened("scheduler_runs_fired_total"), "fired"),
                (happened("scheduler_runs_missed_total", "reason"), "missed: {{reason}}"),
                (happened("dispatcher_runs_finished_total"), "finished"),
            ),
            "How many within a few scrapes. `fired` counts those that were missed as well. "
            "Alert: RunMissed.",
        ),
        Panel(
            "99 % of the runs are fired at most so late",
            "s",
            ((quantile("0.99", "scheduler_firing_lateness_seconds", "job"), "{{job}}"),),
            "Alert: FiringLate.",
        ),
        Panel(
            "Messages planned",
            "mps",
            ((f"sum(rate(dispatcher_messages_planned_total[{R}]))", "planned"),),
            "Each message of a run, those that cannot be sent as well.",
        ),
        ATTEMPTS,
        DUE,
        DUE_AGE,
        HANDOVER,
        RUNS,
        Panel(
            "Records that statistics apply",
            "recps",
            ((rate("kafka_consumed_total", "consumer", '{job="stats"}'), "{{consumer}}"),),
            "One record may hold the results of many messages.",
        ),
        FIGURES,
    ),
)
