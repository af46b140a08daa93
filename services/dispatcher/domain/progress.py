"""Progress: where a message is on its way."""

import msgspec

from shared.contracts.dispatcher import State


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Where a message is on its way."""

    state: State = State.PLANNED
    attempts: int = 0  # on record
    attempt: int = 0  # the number of the last one, on record or not; numbers only grow
    version: int = 0  # grows with every event of the message
    unknowns: int = 0  # attempts that may have arrived, on record or not
    reason: str | None = None
    uncounted: int = 0  # of the attempts on record: the gateway gave the message no chance

    @property
    def may_have_arrived(self) -> bool:
        """Whether an attempt that was not accepted may have arrived all the same."""
        return self.unknowns > 0
