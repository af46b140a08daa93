"""The metrics that every service has, or every service that publishes."""

from shared.telemetry.metric import SHORT, TINY, counter, gauge, histogram

WITH_OUTBOX = ("catalog", "scheduler", "dispatcher")

METRICS = (
    # HTTP: FastAPI's own, as OpenTelemetry's conventions have them
    histogram(
        "http.server.request.duration",
        "s",
        bounds=SHORT,
        meaning="How long requests took, but for probes; its count is the rate of requests.",
        labels=("http_request_method", "http_route", "http_response_status_code"),
        is_foreign=True,
    ),
    gauge(
        "http.server.active_requests",
        "{request}",
        "Requests that are being answered.",
        labels=("http_request_method",),
        is_foreign=True,
    ),
    # The outbox and its relay
    gauge(
        "outbox.depth",
        "{row}",
        "Transactions whose events are not in Kafka yet; up to 100,000 are counted.",
        services=WITH_OUTBOX,
    ),
    gauge(
        "outbox.oldest.age",
        "s",
        "How long the oldest of them has waited; 0 if there is none.",
        services=WITH_OUTBOX,
    ),
    counter(
        "outbox.published",
        "{record}",
        "Records that Kafka has acknowledged.",
        services=WITH_OUTBOX,
    ),
    counter(
        "outbox.set_aside",
        "{record}",
        "Events that Kafka refused, and that were set aside.",
        labels=("topic",),
        services=WITH_OUTBOX,
    ),
    gauge(
        "outbox.unpublished",
        "{record}",
        "Events that Kafka refused and that wait for a decision, with those behind them.",
        services=WITH_OUTBOX,
    ),
    histogram(
        "outbox.relay.turn.duration",
        "s",
        bounds=SHORT,
        meaning="How long the relay took from reading rows of the outbox to deleting them.",
        services=WITH_OUTBOX,
    ),
    gauge(
        "outbox.relay.active",
        "{relay}",
        "1 in the process whose relay is at work, 0 in those that stand by.",
        services=WITH_OUTBOX,
    ),
    gauge(
        "outbox.as_of.timestamp",
        "s",
        "Until when all that was recorded is in Kafka, in seconds since the epoch.",
        services=WITH_OUTBOX,
    ),
    # Consumers
    counter("kafka.consumed", "{record}", "Records that were applied.", labels=("consumer",)),
    histogram(
        "kafka.apply.duration",
        "s",
        bounds=SHORT,
        meaning="How long a batch of records took to be applied.",
        labels=("consumer",),
    ),
    gauge(
        "kafka.consumer.lag",
        "{record}",
        "Records that are not applied yet, of the partitions that this process reads.",
        labels=("consumer", "topic"),
    ),
    gauge(
        "kafka.consumer.delay",
        "s",
        "How old what was applied last is, where it is furthest behind; 0 when all is applied.",
        labels=("consumer", "topic"),
    ),
    counter(
        "kafka.dead_letters",
        "{record}",
        "Records that could not be applied.",
        labels=("consumer",),
    ),
    gauge(
        "kafka.dead_letters.stored",
        "{record}",
        "Dead letters that are stored, with those that are held back behind them.",
    ),
    counter(
        "kafka.rewinds",
        "{rewind}",
        "How often a consumer went back to the positions that its database has.",
        labels=("consumer",),
    ),
    # Loops and leases
    counter(
        "loop.set_aside",
        "{row}",
        "Rows at which a loop failed, and that it passed over.",
        labels=("loop",),
    ),
    gauge(
        "loop.set_aside.waiting",
        "{row}",
        "Rows that are passed over now, until they are tried again.",
    ),
    counter(
        "leases.reaped",
        "{lease}",
        "Leases that were taken from a process that had died or stood still.",
        labels=("kind",),
        services=WITH_OUTBOX,
    ),
    # The process
    gauge(
        "build.info",
        "1",
        "Always 1: which release runs, and in which interpreter.",
        labels=("version", "python"),
    ),
    gauge(
        "process.stopped",
        "{part}",
        "1 for a part that has stopped until somebody decides; `/readyz` says why.",
        labels=("part",),
    ),
    histogram(
        "event_loop.lag",
        "s",
        bounds=TINY,
        meaning="How much later than asked for the event loop woke a task up, once a second.",
    ),
    gauge("sample.age", "s", "How long ago the database was last asked for what its tables hold."),
    gauge(
        "db.client.connection.count",
        "{connection}",
        "Connections to PostgreSQL: used, or idle.",
        labels=("pool", "state"),
    ),
    gauge(
        "db.client.connection.max",
        "{connection}",
        "How many the pool may have.",
        labels=("pool",),
    ),
    counter(
        "traces.spans.dropped",
        "{span}",
        "Spans that were not exported: there was no room, or nobody took them in time.",
        labels=("reason",),
    ),
)
