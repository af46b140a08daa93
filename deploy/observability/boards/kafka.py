"""The dashboard of Kafka and the outboxes."""

from deploy.observability.boards.sending import OUTBOX_AGE
from deploy.observability.panels import RED_IF_ANY, RED_IF_NONE, Dashboard, Panel
from deploy.observability.queries import happened, quantile, rate

KAFKA = Dashboard(
    "kafka",
    "Kafka and outbox",
    "From the databases to Kafka, and from Kafka to those who read it.",
    (
        Panel(
            "Relays at work",
            "short",
            (("sum by (job) (outbox_relay_active)", "{{job}}"),),
            "One for each database; other replicas stand by. Alert: OutboxOld.",
            kind="stat",
            colors=RED_IF_NONE,
        ),
        Panel(
            "Dead letters",
            "short",
            (("max by (job) (kafka_dead_letters_stored) > 0", "{{job}}"),),
            "Records that could not be applied, with those behind them. Alert: DeadLetters.",
            kind="stat",
            colors=RED_IF_ANY,
        ),
        Panel(
            "Events that Kafka refused",
            "short",
            (("max by (job) (outbox_unpublished) > 0", "{{job}}"),),
            "With those behind them. Alert: EventsRefused.",
            kind="stat",
            colors=RED_IF_ANY,
        ),
        OUTBOX_AGE,
        Panel(
            "Outbox: transactions that wait",
            "short",
            (("max by (job) (outbox_depth)", "{{job}}"),),
            "Measured every ten seconds; each may hold thousands of events.",
        ),
        Panel(
            "Records published",
            "recps",
            ((rate("outbox_published_total", "job"), "{{job}}"),),
        ),
        Panel(
            "95 % of the relay's turns take at most",
            "s",
            ((quantile("0.95", "outbox_relay_turn_duration_seconds", "job"), "{{job}}"),),
            "A turn reads rows of the outbox, sends them to Kafka and deletes them.",
        ),
        Panel(
            "Consumer lag in records",
            "short",
            (("sum by (consumer, topic) (kafka_consumer_lag)", "{{consumer}} {{topic}}"),),
            "Records that are not applied yet.",
            many=True,
        ),
        Panel(
            "Consumer lag in time",
            "s",
            (
                (
                    "max by (consumer, topic) (kafka_consumer_delay_seconds)",
                    "{{consumer}} {{topic}}",
                ),
            ),
            "How old what was applied last is; 0 when all is applied. Alert: ConsumerBehind.",
            many=True,
        ),
        Panel(
            "Records applied",
            "recps",
            ((rate("kafka_consumed_total", "consumer"), "{{consumer}}"),),
        ),
        Panel(
            "95 % of the batches are applied within",
            "s",
            ((quantile("0.95", "kafka_apply_duration_seconds", "consumer"), "{{consumer}}"),),
        ),
        Panel(
            "New dead letters and rewinds",
            "short",
            (
                (happened("kafka_dead_letters_total", "job"), "{{job}}: dead letters"),
                (happened("kafka_rewinds_total", "job"), "{{job}}: rewinds"),
            ),
            "A rewind goes back to the positions that the database has.",
            many=True,
        ),
    ),
)
