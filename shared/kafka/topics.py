"""The topics as Kafka has them: `python -m shared.kafka.topics` creates what is missing."""

import asyncio
import sys
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import Field, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import contracts
from shared.kafka.access import connection
from shared.kafka.starting import start, stop
from shared.setting_values import Duration, Servers
from shared.settings import read
from shared.topic import Topic

PARTITIONS = 12  # divides evenly among 1, 2, 3, 4 and 6 replicas
SHORT_MS = 10 * 60 * 1000  # until a segment is closed, and so can be compacted
TOMBSTONES_KEPT_MS = 30 * 24 * 3600 * 1000  # as long as a consumer may have been away
# What is replaced by a later record of its key is gone so long after that, and the cleaner's turn.
COMPACTION_LAG = timedelta(days=7)
LAG_KEY = "max.compaction.lag.ms"
SET_HERE = 1  # where a value of a topic is from. Source: KIP-226, TOPIC_CONFIG


class Settings(BaseSettings):
    """What the command reads from its environment."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    kafka_servers: Servers = Field(description="host:port,host:port")
    topic_partitions: PositiveInt = PARTITIONS
    topic_replicas: PositiveInt = 1
    topic_compaction_lag: Duration = Field(COMPACTION_LAG, ge=timedelta(seconds=1))


class PartitionsDiffer(Exception):
    """The topic has another number of partitions; to change it would move keys."""


async def create(
    servers: str,
    *,
    partitions: int = PARTITIONS,
    replicas: int = 1,
    lag: timedelta = COMPACTION_LAG,
) -> list[str]:
    """Create the topics that are missing; return their names.

    Compacted ones that are there without a compaction lag, of an older release, get it.

    Raises:
        PartitionsDiffer: A topic exists with another number of partitions.
        KafkaError: Kafka cannot be reached, or refuses.
    """
    client = AIOKafkaAdminClient(**connection(servers))
    try:
        await start(client)
        existing = {name: len(ps) for name, ps in (await _described(client)).items()}
        for name in contracts.TOPICS:
            if existing.get(name, partitions) != partitions:
                raise PartitionsDiffer(f"{name} has {existing[name]} partitions, not {partitions}")
        missing = [topic for name, topic in contracts.TOPICS.items() if name not in existing]
        wanted = [
            NewTopic(each.name, partitions, replicas, topic_configs=configuration(each, lag))
            for each in missing
        ]
        answer = await client.create_topics(wanted) if wanted else None
        for _, code, *_ in answer.topic_errors if answer else ():
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)
        await _bound_lag(client, [name for name in existing if is_compacted(name)], lag)
        return [each.name for each in missing]
    finally:
        await stop(client, client.close)


def is_compacted(name: str) -> bool:
    """Return whether the topic of this name is compacted."""
    return contracts.TOPICS[name].is_compacted


async def _bound_lag(client: AIOKafkaAdminClient, names: list[str], lag: timedelta) -> None:
    """Set the compaction lag of topics that have none of their own; all else stays as it is."""
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers = await client.describe_configs(wanted) if wanted else []
    changed = []
    for code, _, _, name, entries in (each for answer in answers for each in answer.resources):
        if code:
            raise for_code(code)
        # A change names all that is set, or it would be set no more.
        own = {entry[0]: entry[1] for entry in entries if entry[3] == SET_HERE}
        if LAG_KEY not in own:
            configs = own | {LAG_KEY: _milliseconds(lag)}
            changed.append(ConfigResource(ConfigResourceType.TOPIC, name, configs))
    for answer in await client.alter_configs(changed) if changed else []:
        for code, *_ in answer.resources:
            if code:
                raise for_code(code)


async def _described(client: AIOKafkaAdminClient) -> dict[str, list[object]]:
    there = set(await client.list_topics()) & contracts.TOPICS.keys()
    if not there:
        return {}
    return {
        each["topic"]: each["partitions"] for each in await client.describe_topics(list(there))
    }


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def configuration(topic: Topic, lag: timedelta = COMPACTION_LAG) -> dict[str, str]:
    """Return what a topic is made with, as Kafka names it."""
    if not topic.is_compacted:
        return {"cleanup.policy": "delete", "retention.ms": "-1"}
    compacted = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(TOMBSTONES_KEPT_MS),
        LAG_KEY: _milliseconds(lag),
    }
    return compacted | ({"segment.ms": str(SHORT_MS)} if topic.has_short_segments else {})


def main() -> None:
    """Create the topics on KAFKA_SERVERS, as the settings TOPIC_… say."""
    settings = read(Settings)
    try:
        created = asyncio.run(
            create(
                settings.kafka_servers,
                partitions=settings.topic_partitions,
                replicas=settings.topic_replicas,
                lag=settings.topic_compaction_lag,
            )
        )
    except (KafkaError, PartitionsDiffer) as error:
        sys.exit(f"topics could not be created: {error}")
    sys.stdout.write(f"created: {', '.join(created) or 'nothing, all topics are there'}\n")


if __name__ == "__main__":
    main()
