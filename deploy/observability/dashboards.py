"""The dashboards of Grafana."""

import json

from deploy.observability.panels import Dashboard, Panel, json_of

R = "$__rate_interval"
REQUESTS = "http_server_request_duration_seconds"


def _quantile(share: str, metric: str, by: str) -> str:
    rate = f"sum by ({by}, le) (rate({metric}_bucket[{R}]))"
    return f"histogram_quantile({share}, {rate})"


def _rate(metric: str, by: str, labels: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{labels}[{R}]))"


NOT_ACCEPTED = _rate("dispatcher_attempts_total", "gateway", '{outcome!="accepted"}')
HANDED_OVER = Panel(
    "Attempts by outcome",
    "ops",
    ((_rate("dispatcher_attempts_total", "gateway, outcome"), "{{gateway}} {{outcome}}"),),
)
DUE = Panel(
    "Messages that are due, and not claimed",
    "short",
    (("max by (gateway) (dispatcher_messages_due)", "{{gateway}}"),),
)
DUE_AGE = Panel(
    "How long the oldest of them has been due",
    "s",
    (("max by (gateway) (dispatcher_messages_due_age_seconds)", "{{gateway}}"),),
)
RUNS = Panel(
    "Runs that are not finished",
    "short",
    (("max by (state) (dispatcher_runs)", "{{state}}"),),
)
FIGURES = Panel(
    "How old the figures are",
    "s",
    (("min(stats_figures_age_seconds)", "statistics"),),
)
OUTBOX_AGE = Panel(
    "Outbox: the oldest transaction that is not in Kafka",
    "s",
    (("max by (job) (outbox_oldest_age_seconds)", "{{job}}"),),
)
HANDOVER = Panel(
    "From due and allowed to the first attempt",
    "s",
    (
        (_quantile("0.5", "dispatcher_handover_delay_seconds", "gateway"), "{{gateway}} half"),
        (_quantile("0.99", "dispatcher_handover_delay_seconds", "gateway"), "{{gateway}} 99 %"),
    ),
)

OVERVIEW = Dashboard(
    "overview",
    "Platform",
    "Whether mailings are sent, in time, and whether the figures show it. "
    "What each alert means stands in `docs/runbooks/`.",
    (
        Panel("Services that answer", "short", (("sum by (job) (up)", "{{job}}"),)),
        Panel("Requests by service", "reqps", ((_rate(f"{REQUESTS}_count", "job"), "{{job}}"),)),
        Panel(
            "Share of requests that failed for our fault",
            "percentunit",
            (("slo:api_availability:errors_5m", "{{job}}"),),
        ),
        Panel(
            "Time of 99 % of the requests", "s", ((_quantile("0.99", REQUESTS, "job"), "{{job}}"),)
        ),
        HANDED_OVER,
        DUE,
        RUNS,
        FIGURES,
        OUTBOX_AGE,
        Panel(
            "What waits for somebody's decision",
            "short",
            (
                ("max by (job) (kafka_dead_letters_stored)", "{{job}} dead letters"),
                ("max by (job) (outbox_unpublished)", "{{job}} events that Kafka refused"),
                ("max by (job) (loop_set_aside_waiting)", "{{job}} rows set aside"),
                ("max by (job, part) (process_stopped)", "{{job}} {{part}} stopped"),
            ),
        ),
    ),
)
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
                (f"sum(increase(scheduler_runs_fired_total[{R}]))", "fired"),
                (
                    f"sum by (reason) (increase(scheduler_runs_missed_total[{R}]))",
                    "missed: {{reason}}",
                ),
                (f"sum(increase(dispatcher_runs_finished_total[{R}]))", "finished"),
            ),
        ),
        Panel(
            "How late runs are fired",
            "s",
            ((_quantile("0.99", "scheduler_firing_lateness_seconds", "job"), "99 %"),),
        ),
        Panel(
            "Messages written down",
            "ops",
            ((f"sum(rate(dispatcher_messages_planned_total[{R}]))", "planned"),),
        ),
        HANDED_OVER,
        DUE,
        HANDOVER,
        RUNS,
        Panel(
            "Events that statistics apply",
            "ops",
            ((_rate("kafka_consumed_total", "consumer", '{job="stats"}'), "{{consumer}}"),),
        ),
        FIGURES,
    ),
)
GATEWAYS = Dashboard(
    "gateways",
    "Gateways",
    "What gateways take, how long they need, and how much of what is allowed is under way.",
    (
        HANDED_OVER,
        Panel(
            "Share that is not accepted",
            "percentunit",
            (
                (
                    f"{NOT_ACCEPTED} / {_rate('dispatcher_attempts_total', 'gateway')}",
                    "{{gateway}}",
                ),
            ),
        ),
        Panel(
            "Time to the answer",
            "s",
            tuple(
                (_quantile(share, "dispatcher_attempt_duration_seconds", "gateway"), legend)
                for share, legend in (
                    ("0.5", "{{gateway}} half"),
                    ("0.95", "{{gateway}} 95 %"),
                    ("0.99", "{{gateway}} 99 %"),
                )
            ),
        ),
        Panel(
            "Requests under way, and how many may be",
            "short",
            (
                ("sum by (gateway) (dispatcher_requests_active)", "{{gateway}} under way"),
                ("sum by (gateway) (dispatcher_requests_limit)", "{{gateway}} limit"),
            ),
        ),
        DUE,
        DUE_AGE,
        HANDOVER,
        Panel(
            "Leases taken from who had died, and results that came too late",
            "short",
            (
                (f"sum by (kind) (increase(leases_reaped_total[{R}]))", "{{kind}}"),
                (f"sum(increase(dispatcher_results_dropped_total[{R}]))", "results dropped"),
            ),
        ),
    ),
)
KAFKA = Dashboard(
    "kafka",
    "Kafka and outbox",
    "From the databases to Kafka, and from Kafka to those who read it.",
    (
        OUTBOX_AGE,
        Panel(
            "Outbox: transactions that wait",
            "short",
            (("max by (job) (outbox_depth)", "{{job}}"),),
        ),
        Panel("Records published", "ops", ((_rate("outbox_published_total", "job"), "{{job}}"),)),
        Panel(
            "Turn of the relay",
            "s",
            ((_quantile("0.95", "outbox_relay_turn_duration_seconds", "job"), "{{job}} 95 %"),),
        ),
        Panel("Relays at work", "short", (("sum by (job) (outbox_relay_active)", "{{job}}"),)),
        Panel(
            "Records not applied yet",
            "short",
            (("sum by (consumer, topic) (kafka_consumer_lag)", "{{consumer}} {{topic}}"),),
        ),
        Panel(
            "How far consumers are behind",
            "s",
            (
                (
                    "max by (consumer, topic) (kafka_consumer_delay_seconds)",
                    "{{consumer}} {{topic}}",
                ),
            ),
        ),
        Panel(
            "Records applied",
            "ops",
            ((_rate("kafka_consumed_total", "consumer"), "{{consumer}}"),),
        ),
        Panel(
            "A batch that is applied",
            "s",
            (
                (
                    _quantile("0.95", "kafka_apply_duration_seconds", "consumer"),
                    "{{consumer}} 95 %",
                ),
            ),
        ),
        Panel(
            "Dead letters and rewinds",
            "ops",
            (
                (_rate("kafka_dead_letters_total", "consumer"), "{{consumer}} dead letters"),
                (_rate("kafka_rewinds_total", "consumer"), "{{consumer}} rewinds"),
            ),
        ),
    ),
)
PROCESS = Dashboard(
    "process",
    "PostgreSQL and process",
    "What the services need, and how PostgreSQL looks from them.",
    (
        Panel(
            "Connections in use",
            "short",
            (
                (
                    'sum by (job, pool) (db_client_connection_count{state="used"})',
                    "{{job}} {{pool}}",
                ),
                ("sum by (job, pool) (db_client_connection_max)", "{{job}} {{pool}} limit"),
            ),
        ),
        Panel(
            "Since the database was asked last",
            "s",
            (("max by (job) (sample_age_seconds)", "{{job}}"),),
        ),
        Panel(
            "Event loop: how late it is",
            "s",
            ((_quantile("0.95", "event_loop_lag_seconds", "job"), "{{job}} 95 %"),),
        ),
        Panel(
            "Processor",
            "percentunit",
            ((_rate("process_cpu_seconds_total", "job, instance"), "{{job}} {{instance}}"),),
        ),
        Panel(
            "Memory",
            "bytes",
            (("sum by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"),),
        ),
        Panel(
            "Releases",
            "short",
            (("count by (job, version, python) (build_info)", "{{job}} {{version}} {{python}}"),),
        ),
        Panel(
            "Imports",
            "ops",
            ((_rate("catalog_import_rows_total", "outcome"), "{{outcome}}"),),
        ),
    ),
)

BOARDS = (OVERVIEW, MAILING, GATEWAYS, KAFKA, PROCESS)


def texts() -> dict[str, str]:
    """Return the files of all dashboards, by name."""
    return {
        board.name: json.dumps(json_of(board), indent=1, ensure_ascii=False) + "\n"
        for board in BOARDS
    }
