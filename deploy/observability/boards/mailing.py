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
            (
                (f"sum(rate(dispatcher_messages_planned_total[{R}]))", "planned"),
                (f"sum(rate(dispatcher_messages_capped_total[{R}]))", "suppressed by a cap"),
            ),
            "Each message of a run, those that cannot be sent as well; and those that would be "
            "more than their clients may get in so many days.",
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
        Panel(
            "Streams of live figures",
            "short",
            (("sum(stats_live_watchers)", "open"),),
            "Beyond the most that a process takes, pages ask every few seconds instead.",
        ),
        Panel(
            "99 % of the looks at the figures for them take at most",
            "s",
            ((quantile("0.99", "stats_live_turn_seconds", "job"), "{{job}}"),),
            "Four a second while somebody watches.",
        ),
    ),
)
