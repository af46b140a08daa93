"""The rules of the proof: how figures of statistics differ from the ledger's totals."""

from collections.abc import Mapping

from shared.contracts.dispatcher import State

# What a late success turns into delivered.
REVOCABLE = frozenset({State.FAILED, State.EXPIRED, State.CANCELLED, State.UNDETERMINED})


def differences(totals: Mapping[State, int], counted: Mapping[State, int]) -> dict[State, int]:
    """Return, where they differ, how many messages more were counted than the ledger has."""
    more = {state: counted.get(state, 0) - totals.get(state, 0) for state in State}
    return {state: number for state, number in more.items() if number}


def may_be_ahead(more: Mapping[State, int]) -> bool:
    """Return whether late successes explain the differences: then a correction is on its way."""
    delivered = more.get(State.DELIVERED, 0)
    fewer = [number for state, number in more.items() if state in REVOCABLE and number < 0]
    return delivered > 0 and len(fewer) == len(more) - 1 and sum(more.values()) == 0
