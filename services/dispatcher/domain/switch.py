"""The run's own switch: it stands beside that of its mailing, and neither moves the other.

A run is sent only if neither is paused; each is lifted where it was set.
"""

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, TypeAlias
from uuid import UUID

from shared.contracts.dispatcher import RunPaused, RunResumed, RunStopped
from shared.errors import Conflict, FieldError
from shared.event import Instant

SwitchEvent: TypeAlias = RunPaused | RunResumed | RunStopped

ENDED = ("finished", "archived")  # states of runs


class RunEnded(Conflict):
    """The run has ended: nothing of it is sent any more."""


class RunIsStopped(Conflict):
    """The run, or its mailing, was stopped, which is for good."""


class PausedByMailing(Conflict):
    """The run is paused because its mailing is: resume that, at the catalog."""

    def __init__(self, mailing_id: UUID) -> None:
        where = f"POST /v1/mailings/{mailing_id}/resume at the catalog"
        super().__init__(FieldError("", "paused_by_mailing", where))


class Move(StrEnum):
    """What the switch of a run can be moved by."""

    PAUSE = auto()
    RESUME = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Where the switch of a run is, and that of its mailing as far as it is known here."""

    run_id: UUID
    mailing_id: UUID
    state: str  # of the run
    number: int  # of moves so far
    is_paused: bool = False
    is_stopped: bool = False
    is_mailing_paused: bool = False
    is_mailing_stopped: bool = False


def moved(switch: Switch, move: Move, by: str | None, at: Instant) -> SwitchEvent | None:
    """Return what a move does to the switch; None if it is there already.

    Raises:
        RunEnded: There is nothing left to be switched.
        RunIsStopped: It will not be sent again.
        PausedByMailing: It is not this switch that is to be lifted.
    """
    is_stopped = switch.is_stopped or switch.is_mailing_stopped
    if move is Move.STOP and is_stopped:
        return None
    if switch.state in ENDED:
        raise RunEnded
    if is_stopped:
        raise RunIsStopped
    common: dict[str, Any] = {
        "run_id": switch.run_id,
        "mailing_id": switch.mailing_id,
        "number": switch.number + 1,
        "by": by,
    }
    match move:
        case Move.STOP:
            return RunStopped(**common, stopped_at=at)
        case Move.PAUSE if not switch.is_paused:
            return RunPaused(**common, paused_at=at)
        case Move.RESUME if switch.is_paused:
            return RunResumed(**common, resumed_at=at)
        case Move.RESUME if switch.is_mailing_paused:
            raise PausedByMailing(switch.mailing_id)
        case _:
            return None
