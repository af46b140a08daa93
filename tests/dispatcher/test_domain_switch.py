"""The switch of a run: each move from each place, beside each place of its mailing's."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher.domain.switch import (
    Move,
    PausedByMailing,
    RunEnded,
    RunIsStopped,
    Switch,
    moved,
)
from shared.contracts.dispatcher import RunPaused, RunResumed, RunStopped

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN, MAILING = UUID(int=1), UUID(int=2)

PLACES: dict[str, dict[str, Any]] = {
    "on its way": {},
    "not begun": {"state": "waiting"},
    "paused": {"is_paused": True},
    "mailing paused": {"is_mailing_paused": True},
    "both paused": {"is_paused": True, "is_mailing_paused": True},
    "stopped": {"is_stopped": True},
    "mailing stopped": {"is_mailing_stopped": True},
    "finished": {"state": "finished"},
    "finished, paused": {"state": "finished", "is_paused": True},
    "finished, stopped": {"state": "finished", "is_stopped": True},
    "archived": {"state": "archived"},
}
# `-`: nothing happens.
TABLE = """
                   pause         resume           stop
on its way         RunPaused     -                RunStopped
not begun          RunPaused     -                RunStopped
paused             -             RunResumed       RunStopped
mailing paused     RunPaused     PausedByMailing  RunStopped
both paused        -             RunResumed       RunStopped
stopped            RunIsStopped  RunIsStopped     -
mailing stopped    RunIsStopped  RunIsStopped     -
finished           RunEnded      RunEnded         RunEnded
finished, paused   RunEnded      RunEnded         RunEnded
finished, stopped  RunEnded      RunEnded         -
archived           RunEnded      RunEnded         RunEnded
"""
REFUSALS = (PausedByMailing, RunEnded, RunIsStopped)
ROWS = [
    (line[:18].strip(), move, word)
    for line in TABLE.strip("\n").splitlines()[1:]
    for move, word in zip(Move, line[18:].split(), strict=True)
]


def switch(**fields: Any) -> Switch:
    values: dict[str, Any] = {"state": "sending", "number": 4}
    return Switch(run_id=RUN, mailing_id=MAILING, **values | fields)


@pytest.mark.parametrize(("place", "move", "expected"), ROWS)
def test_each_move_from_each_place(place: str, move: Move, expected: str) -> None:
    try:
        event = moved(switch(**PLACES[place]), move, "anna", NOW)
        found = "-" if event is None else type(event).__name__
    except REFUSALS as refusal:
        found = type(refusal).__name__

    assert found == expected


def test_the_table_has_every_place() -> None:
    assert {place for place, _, _ in ROWS} == set(PLACES)


def test_a_move_says_which_it_is_of_what_run_by_whom_and_when() -> None:
    common: dict[str, Any] = {"run_id": RUN, "mailing_id": MAILING, "number": 5}
    paused = switch(is_paused=True)

    assert moved(switch(), Move.PAUSE, "anna", NOW) == RunPaused(
        **common, paused_at=NOW, by="anna"
    )
    assert moved(paused, Move.RESUME, None, NOW) == RunResumed(**common, resumed_at=NOW)
    assert moved(paused, Move.STOP, "bo", NOW) == RunStopped(**common, stopped_at=NOW, by="bo")


def test_a_refusal_says_where_the_mailing_is_resumed() -> None:
    with pytest.raises(PausedByMailing) as refused:
        moved(switch(is_mailing_paused=True), Move.RESUME, None, NOW)

    (mistake,) = refused.value.field_errors
    assert mistake.detail == f"POST /v1/mailings/{MAILING}/resume at the catalog"
