"""The rules of Prometheus: what is recorded, and when somebody is told."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from deploy.observability.objectives import OBJECTIVES, REQUESTS, STALE, Rule

SERVICES = "catalog|scheduler|dispatcher|stats"

# What a button or a mail program sends; looking at the page changes nothing.
UNSUBSCRIBES = f'{REQUESTS}_count{{http_route="/u/{{token}}",http_request_method="POST"'

HEAD = """# Made by `python -m deploy.observability`: change deploy/observability/, not this file.
"""


class Alert(NamedTuple):
    """A state that somebody has to do something about."""

    name: str
    expr: str
    lasts: str
    severity: str  # page: now, ticket: in working hours
    summary: str

    def rule(self) -> Rule:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "runbook": f"docs/runbooks/{self.name}.md",
            },
        }


ALERTS = (
    Alert(
        "ServiceDown",
        f'up{{job=~"{SERVICES}"}} == 0',
        "2m",
        "page",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer",
    ),
    Alert(
        "PartStopped",
        "max by (job, part) (process_stopped) > 0",
        "1m",
        "page",
        "{{ $labels.part }} of {{ $labels.job }} has stopped until somebody decides",
    ),
    Alert(
        "OutboxOld",
        "max by (job) (outbox_oldest_age_seconds) > 60",
        "2m",
        "page",
        "events of {{ $labels.job }} have waited {{ $value | humanizeDuration }} for Kafka",
    ),
    Alert(
        "EventsRefused",
        "max by (job) (outbox_unpublished) > 0",
        "1m",
        "ticket",
        "Kafka refused events of {{ $labels.job }}; with those behind them {{ $value }} wait",
    ),
    Alert(
        "RunMissed",
        'sum(increase(scheduler_runs_missed_total{reason=~"window_over|too_late|superseded"}[15m]))'
        " > 0",
        "0m",
        "page",
        "a run did not begin: it came too late, or a later one took its place",
    ),
    Alert(
        "FiringLate",
        "max(scheduler_overdue_age_seconds) > 60",
        "1m",
        "page",
        "a mailing has been due for {{ $value | humanizeDuration }}, and its run is not begun",
    ),
    Alert(
        "MessagesWaiting",
        "max by (gateway) (dispatcher_messages_due_age_seconds) > 900",
        "5m",
        "page",
        "messages for gateway {{ $labels.gateway }} have been due for "
        "{{ $value | humanizeDuration }}",
    ),
    Alert(
        "GatewayFailing",
        'sum by (gateway) (rate(dispatcher_attempts_total{outcome!="accepted"}[10m])) / '
        "(sum by (gateway) (rate(dispatcher_attempts_total[10m])) > 0) > 0.5",
        "10m",
        "ticket",
        "gateway {{ $labels.gateway }} does not take {{ $value | humanizePercentage }} of what "
        "it gets",
    ),
    Alert(
        "BouncesRising",
        "sum by (gateway) (rate(dispatcher_contacts_bounced_total[30m])) / "
        "(sum by (gateway) (rate(dispatcher_attempts_total[30m])) > 0) > 0.1 "
        "and sum by (gateway) (increase(dispatcher_contacts_bounced_total[30m])) > 100",
        "5m",
        "page",
        "gateway {{ $labels.gateway }} refuses {{ $value | humanizePercentage }} of the contacts "
        "for good; those that bounce again and again get nothing more",
    ),
    Alert(
        "UnsubscribesFailing",
        f'sum(rate({UNSUBSCRIBES},http_response_status_code!~"2.."}}[15m])) / '
        f"(sum(rate({UNSUBSCRIBES}}}[15m])) > 0) > 0.1",
        "5m",
        "page",
        "{{ $value | humanizePercentage }} of what was sent to unsubscribe links was not taken",
    ),
    Alert(
        "BreakerOpen",
        "max by (gateway) (dispatcher_breaker_open) > 0",
        "5m",
        "page",
        "nothing goes to gateway {{ $labels.gateway }}, which fails, but for probes",
    ),
    Alert(
        "ConsumerBehind",
        "max by (job, consumer, topic) (kafka_consumer_delay_seconds) > 120",
        "5m",
        "page",
        "{{ $labels.consumer }} is {{ $value | humanizeDuration }} behind in {{ $labels.topic }}",
    ),
    Alert(
        "DeadLetters",
        "max by (job) (kafka_dead_letters_stored) > 0",
        "1m",
        "ticket",
        "{{ $labels.job }} could not apply records, or holds them back behind such: {{ $value }}",
    ),
    Alert(
        "RowsSetAside",
        "max by (job) (loop_set_aside_waiting) > 0",
        "15m",
        "ticket",
        "a loop of {{ $labels.job }} fails at rows again and again: {{ $value }}",
    ),
    Alert(
        "FiguresDiffer",
        "max(stats_runs_differing) > 0",
        "15m",
        "ticket",
        "the figures of {{ $value }} runs differ from the ledger's",
    ),
    Alert(
        "DatabaseSilent",
        "min by (job) (sample_age_seconds) > 60",
        "1m",
        "page",
        "{{ $labels.job }} has had no answer of its database for {{ $value | humanizeDuration }}",
    ),
    Alert(
        "EventLoopLate",
        "histogram_quantile(0.95, sum by (job, instance, le) "
        "(rate(event_loop_lag_seconds_bucket[10m]))) > 0.5",
        "10m",
        "ticket",
        "{{ $labels.job }} at {{ $labels.instance }} has more to do than one core can",
    ),
)


def groups() -> Iterator[dict[str, Any]]:
    """Yield the groups of rules."""
    yield {"name": "mailings-freshness", "rules": [STALE]}
    for each in OBJECTIVES:
        rules = [*each.recorded(), *each.alerts()]
        yield {"name": f"mailings-slo-{each.name.replace('_', '-')}", "rules": rules}
    yield {"name": "mailings-alerts", "rules": [each.rule() for each in ALERTS]}


def text() -> str:
    """Return the file of rules."""
    return HEAD + yaml.safe_dump({"groups": list(groups())}, sort_keys=False, width=10_000)
