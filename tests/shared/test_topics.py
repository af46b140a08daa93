"""The topics as Kafka has them."""

from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared import contracts
from shared.kafka import topics
from shared.kafka.topics import PartitionsDiffer


async def settings(servers: str, name: str) -> dict[str, str]:
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        [answer] = await client.describe_configs([resource])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}
    finally:
        await client.close()


async def test_what_is_there_already_is_left_alone(kafka: str) -> None:
    assert await topics.create(kafka, partitions=3) == []


async def test_another_number_of_partitions_is_refused(kafka: str) -> None:
    with pytest.raises(PartitionsDiffer, match="has 3 partitions, not 4"):
        await topics.create(kafka, partitions=4)


@pytest.mark.parametrize("name", sorted(contracts.TOPICS))
async def test_a_topic_keeps_what_its_contract_promises(kafka: str, name: str) -> None:
    found = await settings(kafka, name)

    if contracts.TOPICS[name].is_compacted:
        assert found["cleanup.policy"] == "compact"
        assert int(found["delete.retention.ms"]) == 30 * 24 * 3600 * 1000
        assert int(found["max.compaction.lag.ms"]) == 7 * 24 * 3600 * 1000
    else:
        assert (found["cleanup.policy"], found["retention.ms"]) == ("delete", "-1")


async def set_to(servers: str, name: str, configs: dict[str, str]) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])
    finally:
        await client.close()


async def test_a_compacted_topic_of_an_older_release_gets_its_lag_and_keeps_the_rest(
    kafka: str,
) -> None:
    name = "catalog.suppressions"
    before = {"cleanup.policy": "compact", "delete.retention.ms": str(30 * 24 * 3600 * 1000)}
    own = before | {"min.cleanable.dirty.ratio": "0.4"}
    await set_to(kafka, name, own)

    await topics.create(kafka, partitions=3, lag=timedelta(seconds=90))
    found = await settings(kafka, name)
    await topics.create(kafka, partitions=3)
    again = await settings(kafka, name)
    await set_to(kafka, name, before | {"max.compaction.lag.ms": str(7 * 24 * 3600 * 1000)})

    assert found["max.compaction.lag.ms"] == "90000"
    assert {key: found[key] for key in own} == own
    assert again["max.compaction.lag.ms"] == "90000"


async def test_without_kafka_nothing_is_created() -> None:
    with pytest.raises(KafkaError):
        await topics.create("127.0.0.1:1")
