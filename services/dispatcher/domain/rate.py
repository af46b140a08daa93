"""A rate: how many messages a gateway gets in a second from all replicas together. Pure.

Messages have slots, one every 1 / rate, and replicas draw the next ones in blocks from one row:
so none is given twice, and none is lost because two draw at once. What is not used soon after its
slot lapses; `burst` messages may catch up on slots that nobody drew.

Any 10 s see at most rate x 10 s + burst, and (BLOCK_S + LAPSE_S) / 10 s = 1.5 % more, however many
replicas there are: no message goes before its block's first slot, or later than LAPSE_S after it.
Source: the generic cell rate algorithm, ITU-T I.371.
"""

from typing import NamedTuple

import msgspec

BLOCK_S = 0.05  # of the rate, drawn at once; one message at least
LAPSE_S = 0.1
AHEAD_S = 0.1  # how early slots may be drawn, so that none passes while a replica asks


class Rate(msgspec.Struct, frozen=True):
    """Messages a second, and how many may go at once after a rest."""

    per_s: float
    burst: int = 1

    @property
    def block(self) -> int:
        """How many are drawn at once."""
        return max(int(self.per_s * BLOCK_S), 1)


class Block(NamedTuple):
    """Messages that may be started, from and until instants of business time."""

    number: int
    since: float
    until: float


class Draw(NamedTuple):
    """What a draw brought."""

    drawn_until: float  # of the rate
    block: Block | None
    again_at: float  # when more may be drawn; before, it would be in vain


def drawn(rate: Rate, drawn_until: float, now: float) -> Draw:
    """Return the next block of a rate of which all slots before `drawn_until` are drawn."""
    start = max(drawn_until, now - (rate.burst - 1) / rate.per_s)
    if start > now + AHEAD_S:
        return Draw(drawn_until, None, start - AHEAD_S)
    end = start + rate.block / rate.per_s
    since = max(start, now)
    return Draw(end, Block(rate.block, since, since + LAPSE_S), max(end - AHEAD_S, now))


class Tokens:
    """The blocks that one process has drawn."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def add(self, block: Block) -> None:
        """Add a block."""
        self._blocks.append(block)

    def available(self, now: float) -> int:
        """Return how many messages may be started now; what has lapsed is dropped."""
        blocks = self._blocks
        while blocks and (blocks[0].until <= now or not blocks[0].number):
            del blocks[0]
        return sum(each.number for each in blocks if each.since <= now)

    @property
    def is_low(self) -> bool:
        """Whether the next block is to be drawn: there is but one, or none."""
        return len(self._blocks) <= 1

    def take(self, number: int, now: float) -> None:
        """Use up so many of those that are `available`."""
        for place, block in enumerate(self._blocks):
            if block.since > now or not number:
                return
            taken = min(number, block.number)
            self._blocks[place] = block._replace(number=block.number - taken)
            number -= taken
