"""The budget: what each step of a message's way costs, from the samples of a profiled run."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from cli.render import grid

Stack = Sequence[str]  # `folder/file.py:function`, innermost first

OTHER = "event loop, and the rest"
TOP = 25

# A step is known by any of its functions; whichever is innermost on the stack has it.
STEPS: Mapping[str, Mapping[str, str]] = {
    "catalog": {
        "catalog/files/": "read rows",
        "domain/profile.py:": "check",
        "catalog/handlers/import_plan.py:": "plan",
        "shared/event_store/protocol.py:": "make and encode events",
        "shared/event.py:": "make and encode events",
        "shared/outbox/batch.py:recorded_batches": "outbox row",
        "shared/cloudevents.py:write": "outbox row",
        "shared/outbox/store.py:put": "outbox row",
        "catalog/projections/": "write clients",
        "shared/event_store/postgres.py:": "write events",
        "catalog/queue/": "lock and note",
        "shared/outbox/relay.py:": "relay",
        "shared/outbox/producer.py:": "relay",
        "shared/outbox/store.py:": "relay",
        "aiokafka/producer": "relay: Kafka client",
        "uvicorn/": "receive",
        "starlette/": "receive",
    },
    "dispatcher": {
        "handlers/sending.py:Sender.claim": "claim",
        "handlers/sending.py:Sender._start": "take, render, start",
        "handlers/sending.py:Sender.pump": "take, render, start",
        "gateways/http/composer.py:ContractComposer.compose": "encode request",
        "gateways/http/client.py:": "send, read answer",
        "gateways/http/connection.py:": "send, read answer",
        "gateways/http/answer.py:": "send, read answer",
        "gateways/http/contract.py:judge": "judge",
        "gateways/smtp/mail.py:": "encode request",
        "gateways/smtp/address.py:": "encode request",
        "gateways/smtp/senders.py:": "encode request",
        "gateways/smtp/client.py:": "send, read answer",
        "gateways/smtp/connection.py:": "send, read answer",
        "gateways/smtp/reply.py:": "send, read answer",
        "gateways/smtp/contract.py:": "judge",
        "handlers/sending.py:Sender._answered": "note result",
        "dispatcher/domain/message.py:": "rule",
        "handlers/packing.py:": "pack blocks",
        "handlers/recording.py:": "encode events, rows",
        "handlers/events.py:": "encode events, rows",
        "shared/outbox/batch.py:bulk_record": "encode events, rows",
        "handlers/sending.py:Sender.record": "record: the rest",
        "shared/database.py:copy": "COPY attempts, blocks",
        "shared/outbox/store.py:put": "outbox row",
        "shared/outbox/relay.py:": "relay",
        "shared/outbox/producer.py:": "relay",
        "shared/outbox/store.py:": "relay",
        "aiokafka/producer": "relay: Kafka client",
        "aiokafka/consumer": "listen",
        "shared/kafka/": "listen",
        "dispatcher/handlers/planning.py:": "expand, end, finish",
        "dispatcher/handlers/ending.py:": "expand, end, finish",
        "handlers/sending.py:Sender.renew": "look, renew",
        "dispatcher/workers.py:WorkPoller.poll": "look, renew",
        "uvicorn/": "HTTP API",
    },
    "stats": {
        "stats/projections/batch.py:batch_of": "sum up the batch",
        "stats/projections/blocks.py:": "write blocks",
        "stats/projections/counts.py:_change_messages": "write rows of messages",
        "stats/projections/counts.py:_add_chunks": "write chunks",
        "stats/projections/counts.py:_change_runs": "write counts of runs",
        "stats/projections/counts.py:": "other projections",
        "aiokafka/consumer": "Kafka client",
        "shared/kafka/": "decode records",
        "uvicorn/": "HTTP API",
    },
}


def step_of(stack: Stack, steps: Mapping[str, str]) -> str:
    """Return which step a stack belongs to."""
    for frame in stack:
        for part, step in steps.items():
            if part in frame:
                return step
    return OTHER


def by_step(
    samples: Iterable[tuple[int, Stack]], steps: Mapping[str, str]
) -> list[tuple[str, float]]:
    """Return each step's share of all samples, the largest first."""
    counts: Counter[str] = Counter()
    for count, stack in samples:
        counts[step_of(stack, steps)] += count
    return _shares(counts)


def by_function(samples: Iterable[tuple[int, Stack]]) -> list[tuple[str, float]]:
    """Return the share of what each function does itself, the largest first.

    What it calls in C counts as its own.
    """
    counts: Counter[str] = Counter()
    for count, stack in samples:
        counts[stack[0] if stack else OTHER] += count
    return _shares(counts)


def _shares(counts: Counter[str]) -> list[tuple[str, float]]:
    total = counts.total()
    return [(name, count / total) for name, count in counts.most_common()]


def tables(folder: Path, whole_us: Mapping[str, float]) -> RenderableType:
    """Return the budget of each profiled service, whose whole is given in CPU microseconds."""
    parts: list[RenderableType] = []
    for service, whole in whole_us.items():
        path = folder / f"{service}.samples"
        if not path.exists():
            continue
        samples = [(count, stack) for count, stack in json.loads(path.read_text())]
        for title, shares in (
            (f"{service}, by step", by_step(samples, STEPS[service])),
            (f"{service}, by function", by_function(samples)[:TOP]),
        ):
            rows = [(name, f"{share * whole:.1f}", f"{share:.1%}") for name, share in shares]
            parts += [Text(), grid((title, "us", "share"), rows)]
    return Group(*parts)
