"""The revocations: what a listener does when a rebalance takes partitions away."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from aiokafka import ConsumerRebalanceListener, TopicPartition

Drop: TypeAlias = Callable[[Iterable[TopicPartition]], None]


class Revocations(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Drops the positions of partitions that are taken away.

    Kafka's own positions are never believed: they are later than the database's when that was
    restored or made anew.
    """

    def __init__(self, drop: Drop) -> None:
        self._drop = drop

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drop the positions; what was fetched is still applied, under locked ones."""
        self._drop(revoked)

    async def on_partitions_assigned(self, _: Iterable[TopicPartition]) -> None:
        """Do nothing: the next turn seeks to the database's positions before it reads."""
