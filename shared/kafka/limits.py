"""The limits of the log: which of a consumer's positions it still has records for."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import contracts
from shared.kafka.positions import Positions


class LostPosition(NamedTuple):
    """A position that the log has no record for, and where the log begins and ends."""

    partition: TopicPartition
    position: int
    start: int
    end: int

    def __str__(self) -> str:
        """Return a sentence for operators."""
        topic, number = self.partition
        return (
            f"{topic}/{number} is read up to {self.position}, "
            f"but the log has {self.start} to {self.end}"
        )


class PositionsLost(Exception):
    """Records that a consumer has not applied are gone, or the log is another one."""

    def __init__(self, lost: Sequence[LostPosition]) -> None:
        super().__init__("; ".join(map(str, lost)))
        self.lost = lost


async def readable_from(
    client: AIOKafkaConsumer, positions: Positions
) -> dict[TopicPartition, int]:
    """Return where to read on from: at `positions`.

    A new consumer of a compacted topic begins where the log does: the last record of each key is
    there. Of any other topic it would miss what is deleted, as one that was away for too long.

    Raises:
        PositionsLost: The log does not have some of them.
    """
    starts = await client.beginning_offsets(list(positions))
    ends = await client.end_offsets(list(positions))
    lost = lost_positions(positions, starts, ends)
    if lost:
        raise PositionsLost(lost)
    return {each: max(position, starts[each]) for each, position in positions.items()}


def lost_positions(positions: Positions, starts: Positions, ends: Positions) -> list[LostPosition]:
    """Return those of `positions` that are before the log's start or beyond its end."""
    return [
        LostPosition(each, position, starts[each], ends[each])
        for each, position in sorted(positions.items())
        if not (starts[each] <= position <= ends[each] or _may_begin(each, position))
    ]


def _may_begin(partition: TopicPartition, position: int) -> bool:
    topic = contracts.TOPICS.get(partition.topic)
    return position == 0 and topic is not None and topic.is_compacted
