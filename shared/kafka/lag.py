"""The lag of a consumer: how many records it is behind, and how much time."""

from collections import Counter
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import telemetry
from shared.clock import Monotonic, monotonic
from shared.kafka.positions import PartitionProgress, Positions

STALLED_S = 5.0  # without a measurement: from then on the delay grows by itself


class Lag:
    """How far one consumer of this process is behind, in the partitions that it reads."""

    def __init__(self, consumer: str, clock: Monotonic = monotonic) -> None:
        self._consumer = telemetry.of_consumer(consumer)
        self._clock = clock
        self._behind_s: dict[TopicPartition, float] = {}
        self._topics: set[str] = set()

    def applied(self, progress: Iterable[PartitionProgress]) -> None:
        """Note how old what was applied last is."""
        for each in progress:
            if each.behind is not None:
                self._behind_s[each.partition] = each.behind.total_seconds()

    def measure(self, client: AIOKafkaConsumer, positions: Positions) -> None:
        """Record the lag of each topic: of those that a rebalance took away, none."""
        known = positions.keys() & client.assignment()
        self._behind_s = {each: self._behind_s.get(each, 0.0) for each in known}
        records = Counter[str]()
        for each in known:
            records[each.topic] += max((client.highwater(each) or 0) - positions[each], 0)
        self._topics |= records.keys()
        for topic in self._topics:
            behind_s = max([s for each, s in self._behind_s.items() if each.topic == topic] + [0])
            labels = {"consumer": self._consumer, "topic": topic}
            telemetry.measure("kafka.consumer.lag", records[topic], **labels)
            telemetry.show("kafka.consumer.delay", self._growing(behind_s), **labels)

    def _growing(self, behind_s: float) -> telemetry.Read:
        measured_at = self._clock()

        def read() -> float:
            elapsed_s = self._clock() - measured_at
            return behind_s + (elapsed_s if elapsed_s > STALLED_S else 0.0)

        return read
