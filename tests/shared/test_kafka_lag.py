"""The lag of a consumer, as metrics show it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiokafka import TopicPartition

from shared.kafka.lag import STALLED_S, Lag
from shared.kafka.positions import PartitionProgress
from shared.telemetry.metrics import Recorded
from tests.recorded import shown

FIRST, SECOND = TopicPartition("runs", 0), TopicPartition("runs", 1)


class Client:
    """A consumer that has been assigned partitions, which end somewhere."""

    def __init__(self, ends: Mapping[TopicPartition, int | None]) -> None:
        self.ends = ends

    def assignment(self) -> set[TopicPartition]:
        return set(self.ends)

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.ends[partition]


def behind(partition: TopicPartition, seconds: float) -> PartitionProgress:
    return PartitionProgress(partition, 0, 1, timedelta(seconds=seconds))


def measured(recorded: Recorded) -> tuple[float, float]:
    found = shown(recorded)
    return (
        found["kafka_consumer_lag", "stats", "runs"],
        found["kafka_consumer_delay_seconds", "stats", "runs"],
    )


def test_a_topic_lags_by_all_its_records_and_by_its_oldest_partition(recorded: Recorded) -> None:
    lag, client = Lag("stats"), Client({FIRST: 10, SECOND: 5})
    lag.applied([behind(FIRST, 7), behind(SECOND, 2)])

    lag.measure(_any(client), {FIRST: 4, SECOND: 5})

    assert measured(recorded) == (6, 7)


def test_what_a_rebalance_took_away_lags_no_more(recorded: Recorded) -> None:
    lag = Lag("stats")
    lag.applied([behind(FIRST, 7)])
    lag.measure(_any(Client({FIRST: 10})), {FIRST: 4})

    lag.measure(_any(Client({})), {FIRST: 4})

    assert measured(recorded) == (0, 0)


def test_the_delay_of_a_consumer_that_hangs_grows_by_itself(recorded: Recorded) -> None:
    now = 100.0
    lag = Lag("stats", lambda: now)
    lag.measure(_any(Client({FIRST: None})), {FIRST: 4})

    now += STALLED_S - 1
    at_first = measured(recorded)
    now += 100

    assert at_first == (0, 0)
    assert measured(recorded) == (0, 99 + STALLED_S)


def _any(client: Client) -> Any:
    return client
