"""The rules of figures: how they differ from the ledger's totals, and what counts by client."""

from collections.abc import Iterator, Mapping

from shared.contracts.dispatcher import BEST_FIRST, State

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


PLACE = {state.value: place for place, state in enumerate(BEST_FIRST)}


def superseded(states: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield which messages of a client do not count: run and state of all but the best one.

    `states` are those of its messages by run. Of equal ones that of the lowest run counts.
    """
    best = min(states, key=lambda run: (PLACE[states[run]], run), default="")
    for run, state in states.items():
        if run != best:
            yield run, state
