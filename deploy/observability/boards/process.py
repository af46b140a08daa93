"""The dashboard of PostgreSQL and the processes."""

from deploy.observability.panels import Dashboard, Panel
from deploy.observability.queries import quantile, rate, share

PROCESS = Dashboard(
    "process",
    "PostgreSQL and process",
    "What the services need, and how PostgreSQL looks from them.",
    (
        Panel(
            "Processes by release",
            "short",
            (
                (
                    "count by (job, version, python) (build_info)",
                    "{{job}} {{version}}, Python {{python}}",
                ),
            ),
            kind="stat",
            wide=True,
        ),
        Panel(
            "Share of the pool's connections that are in use",
            "percentunit",
            (
                (
                    share(
                        'sum by (job, pool) (db_client_connection_count{state="used"})',
                        "sum by (job, pool) (db_client_connection_max)",
                    ),
                    "{{job}} {{pool}}",
                ),
            ),
            "Of all replicas together. At 100 % those who ask wait for one.",
            top=1,
        ),
        Panel(
            "Age of the newest sample of the database",
            "s",
            (("max by (job) (sample_age_seconds)", "{{job}}"),),
            "It is sampled every ten seconds: up to ten is right. Alert: DatabaseSilent.",
        ),
        Panel(
            "Event loop: 95 % of the tasks are woken up at most so late",
            "s",
            ((quantile("0.95", "event_loop_lag_seconds", "job"), "{{job}}"),),
            "Alert: EventLoopLate.",
        ),
        Panel(
            "CPU, of one core",
            "percentunit",
            ((rate("process_cpu_seconds_total", "job, instance"), "{{job}} {{instance}}"),),
            many=True,
        ),
        Panel(
            "Memory",
            "bytes",
            (("sum by (job, instance) (process_resident_memory_bytes)", "{{job}} {{instance}}"),),
            many=True,
        ),
        Panel(
            "Rows imported",
            "rowsps",
            ((rate("catalog_import_rows_total", "outcome"), "{{outcome}}"),),
        ),
    ),
)
