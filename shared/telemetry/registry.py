"""The registry of metrics: all that are declared, by name; `docs/metrics.md` is made of it.

A label has few values, all of them known to us: never an identifier, never a text of others.
"""

from shared.telemetry import of_processes, of_services

LABELS = {
    "consumer": "which of its consumers reads; those for single runs count as one",
    "gateway": "a gateway's name, `other` for one that is none of ours",
    "http_request_method": "`GET`, …; `_OTHER` for one that is none of HTTP's",
    "http_response_status_code": "of the answer",
    "http_route": "the route's template, such as `/v1/mailings/{mailing_id}`; none: no route",
    "kind": "`sender`, `import` or `relay`",
    "loop": "the name of the loop",
    "outcome": "what came of it",
    "part": "the part of the process",
    "pool": "the pool's name: `main`, or `ledger` for those who write the dispatcher's ledger",
    "python": "the interpreter's version",
    "reason": "why",
    "state": "in which they are",
    "topic": "the topic in Kafka",
    "version": "the release",
}

METRICS = {each.name: each for each in (*of_processes.METRICS, *of_services.METRICS)}
