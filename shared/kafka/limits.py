"""The limits of the log: which of a consumer's positions it still has records for."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import contracts
from shared.kafka.positions import Positions
from shared.topic import Topic

COMPACTED = frozenset(name for name, topic in contracts.TOPICS.items() if topic.is_compacted)


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
    client: AIOKafkaConsumer, positions: Positions, may_be_cut: Collection[Topic] = ()
) -> dict[TopicPartition, int]:
    """Return where to read on from: at `positions`.

    A new consumer of a compacted topic begins where the log does: the last record of each key is
    there. So it does of topics that `may_be_cut`, for what they held can be found elsewhere. Of
    any other topic it would miss what is deleted, as one that was away for too long.

    Raises:
        PositionsLost: The log does not have some of them.
    """
    starts = await client.beginning_offsets(list(positions))
    ends = await client.end_offsets(list(positions))
    lost = lost_positions(positions, starts, ends, may_be_cut)
    if lost:
        raise PositionsLost(lost)
    return {each: max(position, starts[each]) for each, position in positions.items()}


def lost_positions(
    positions: Positions,
    starts: Positions,
    ends: Positions,
    may_be_cut: Collection[Topic] = (),
) -> list[LostPosition]:
    """Return those of `positions` that are before the log's start or beyond its end."""
    begins_late = {topic.name for topic in may_be_cut} | COMPACTED
    return [
        LostPosition(each, position, starts[each], ends[each])
        for each, position in sorted(positions.items())
        if not starts[each] <= position <= ends[each]
        and not (position == 0 and each.topic in begins_late)
    ]


def late_starts(
    positions: Positions, starts: Positions, may_be_cut: Collection[Topic]
) -> dict[TopicPartition, int]:
    """Return where a consumer begins behind the first record that there was."""
    names = {topic.name for topic in may_be_cut}
    return {
        each: start
        for each, start in starts.items()
        if each.topic in names and positions[each] < start
    }
