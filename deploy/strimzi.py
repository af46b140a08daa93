"""Kafka's topics and accounts as the operator Strimzi wants them: `python -m deploy.strimzi`.

Both follow from the code: each topic with its settings, and for each service an account that may
write what the service publishes, read what it subscribes to, and nothing else.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from deploy.env_example import SERVICES
from services.catalog.subscriptions import subscriptions as of_catalog
from services.dispatcher.subscriptions import controls
from services.dispatcher.subscriptions import subscriptions as of_dispatcher
from services.scheduler.subscriptions import subscriptions as of_scheduler
from services.stats.subscriptions import subscriptions as of_stats
from shared.contracts import TOPICS
from shared.contracts.dispatcher import CONTACTS
from shared.contracts.platform import PROGRESS
from shared.kafka.handlers import Handlers, topics_of
from shared.kafka.topics import PARTITIONS, configuration

Json: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent / "k8s" / "components" / "strimzi"
REPLICAS = 3
LABELS = "{strimzi.io/cluster: kafka}"
HEAD = "# Made by `python -m deploy.strimzi`.\n"

# A subscription is made without what it would do: only what it is about is asked.
NOTHING = cast("Any", None)
HANDLERS: Mapping[str, tuple[Handlers, ...]] = {
    "catalog": (of_catalog(NOTHING, NOTHING),),
    "scheduler": (of_scheduler(NOTHING),),
    "dispatcher": (of_dispatcher(), controls()),
    "stats": (of_stats(),),
}
# They compare what the broker keeps with what they need.
LOOKS_AT_RETENTION = ("dispatcher", "stats")
# After a restore its results and its gateways are read back.
READS_ITS_OWN = ("dispatcher",)


def written_by(service: str) -> list[str]:
    """Return the names of the topics that a service writes."""
    own = [name for name in TOPICS if name.startswith(f"{service}.")]
    return [*own, PROGRESS.name] if own else []


def read_by(service: str) -> list[str]:
    """Return the names of the topics that a service reads."""
    found = {topic.name for handlers in HANDLERS[service] for topic in topics_of(handlers)}
    if service in READS_ITS_OWN:
        found |= set(written_by(service)) - {PROGRESS.name, CONTACTS.name}
    return sorted(found)


def operations(service: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what a service may do: the kind of thing, its name, and the operations."""
    written, read = written_by(service), read_by(service)
    for name in TOPICS:
        allowed = [
            *(["Read"] if name in read else []),
            *(["Write"] if name in written else []),
            *(["Describe"] if name in (*read, *written) else []),
            *(["DescribeConfigs"] if service in LOOKS_AT_RETENTION else []),
        ]
        if allowed:
            yield "topic", name, allowed
    yield "group", service, ["Read"]


def topics() -> str:
    """Return the manifest of all topics."""
    return HEAD + "---\n".join(
        f"""\
apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata: {{name: {topic.name}, labels: {LABELS}}}
spec:
  partitions: {PARTITIONS}
  replicas: {REPLICAS}
  config:
"""
        + "".join(f"    {key}: {value}\n" for key, value in configuration(topic).items())
        for topic in TOPICS.values()
    )


def users() -> str:
    """Return the manifest of all accounts."""
    return HEAD + "---\n".join(
        f"""\
apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata: {{name: {service}, labels: {LABELS}}}
spec:
  authentication:
    type: scram-sha-512
    password: {{valueFrom: {{secretKeyRef: {{name: kafka-users, key: {service}}}}}}}
  authorization:
    type: simple
    acls:
"""
        + "".join(
            f"      - {{resource: {{type: {kind}, name: {name}, patternType: literal}}, "
            f"operations: [{', '.join(allowed)}]}}\n"
            for kind, name, allowed in operations(service)
        )
        for service in SERVICES
    )


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(prog="python -m deploy.strimzi", description=__doc__)
    parser.parse_args()
    for name, text in (("topics", topics()), ("users", users())):
        (FOLDER / f"{name}.yaml").write_text(text, encoding="utf-8")
    sys.stdout.write(f"made: {FOLDER}/topics.yaml, users.yaml\n")


if __name__ == "__main__":
    main()
