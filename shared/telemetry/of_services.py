"""The metrics of single services: what each of them is there for."""

from shared.telemetry.metric import LONG, SHORT, counter, gauge, histogram

CATALOG, SCHEDULER, DISPATCHER, STATS = ("catalog",), ("scheduler",), ("dispatcher",), ("stats",)

METRICS = (
    # The catalog
    counter(
        "catalog.import.rows",
        "{row}",
        "Rows of imports that are committed, by what came of them.",
        labels=("outcome",),
        services=CATALOG,
    ),
    counter(
        "catalog.imports",
        "{import}",
        "Imports that ended: completed, failed, or lost with the process that took them.",
        labels=("outcome",),
        services=CATALOG,
    ),
    counter(
        "catalog.suppressions",
        "{suppression}",
        "Suppressions that were entered, by a person, a file, a link or bounces.",
        labels=("reason",),
        services=CATALOG,
    ),
    # The scheduler
    counter(
        "scheduler.runs.fired",
        "{run}",
        "Occurrences that were settled: proposed, or missed.",
        services=SCHEDULER,
    ),
    counter(
        "scheduler.runs.missed",
        "{run}",
        "Runs that will never begin.",
        labels=("reason",),
        services=SCHEDULER,
    ),
    histogram(
        "scheduler.firing.lateness",
        "s",
        bounds=LONG,
        meaning="How long after its time, or after it became known, an occurrence was fired.",
        services=SCHEDULER,
    ),
    gauge(
        "scheduler.overdue.age",
        "s",
        "How long the oldest occurrence that is not fired has been due; 0 if none is.",
        services=SCHEDULER,
    ),
    # The dispatcher
    gauge(
        "dispatcher.runs",
        "{run}",
        "Runs that are not finished: waiting, expanding, sending, or paused.",
        labels=("state",),
        services=DISPATCHER,
    ),
    counter("dispatcher.runs.finished", "{run}", "Runs that have finished.", services=DISPATCHER),
    counter(
        "dispatcher.messages.planned",
        "{message}",
        "Messages that were written down.",
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.messages.due",
        "{message}",
        "Messages that are due and allowed, and that no sender has claimed, about.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.messages.due.age",
        "s",
        "How long the oldest of them has been due and allowed; 0 if there is none.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    histogram(
        "dispatcher.handover.delay",
        "s",
        bounds=LONG,
        meaning="From when a message was due and allowed to the start of its first attempt.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.attempts",
        "{attempt}",
        "Attempts that are on record.",
        labels=("gateway", "outcome"),
        services=DISPATCHER,
    ),
    histogram(
        "dispatcher.attempt.duration",
        "s",
        bounds=SHORT,
        meaning="From the start of an attempt to the gateway's answer, or to its deadline.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.requests.active",
        "{request}",
        "Requests that are under way at a gateway.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.requests.limit",
        "{request}",
        "How many may be under way from this process.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.gateway.rate",
        "{message}/s",
        "How many messages a second all dispatchers together may send; 0: as many as it takes.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.breaker.open",
        "1",
        "1 if nothing, or probes only, may go to a gateway that has failed; else 0.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.breaker.openings",
        "{opening}",
        "How often this process opened a gateway's breaker: `fault`, `unreachable`, `failures` "
        "or `probes`.",
        labels=("gateway", "reason"),
        services=DISPATCHER,
    ),
    gauge(
        "dispatcher.gateway.pause",
        "s",
        "How long a gateway that asked us to wait gets nothing; 0: it did not.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.messages.capped",
        "{message}",
        "Messages that were suppressed because their client has had as many as it may.",
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.contacts.bounced",
        "{contact}",
        "Contacts that a gateway has refused for good, each time.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.messages.unrendered",
        "{message}",
        "Messages that failed because their text could not be rendered.",
        labels=("gateway",),
        services=DISPATCHER,
    ),
    counter(
        "dispatcher.results.dropped",
        "{result}",
        "Results that came after their run had left.",
        services=DISPATCHER,
    ),
    # Statistics
    gauge(
        "stats.as_of.timestamp",
        "s",
        "Until when all that was recorded is in the figures, in seconds since the epoch.",
        services=STATS,
    ),
    gauge(
        "stats.figures.age",
        "s",
        "How old the figures are: what was recorded before that is in them.",
        services=STATS,
    ),
    gauge(
        "stats.runs.differing",
        "{run}",
        "Runs whose figures differ from the ledger's.",
        services=STATS,
    ),
    gauge(
        "stats.live.watchers",
        "{watcher}",
        "Streams of live figures that are open.",
        services=STATS,
    ),
    counter(
        "stats.live.frames",
        "{frame}",
        "Frames of live figures, each sent to all who watch.",
        services=STATS,
    ),
    histogram(
        "stats.live.turn",
        "s",
        bounds=SHORT,
        meaning="How long a look at the figures took for those who watch.",
        services=STATS,
    ),
)
