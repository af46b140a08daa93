"""The proof of calendars in short, and that it sees a difference."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.schedule import Occurrence, occurrences
from tests.proof import __main__ as proof
from tests.proof import calendars
from tests.proof.calendars import Plan, prove
from tests.proof.known import KNOWN
from tests.proof.model import due, step_through

ZONES = (
    *("Africa/Casablanca", "America/Caracas", "America/New_York", "America/Sao_Paulo"),
    *("Antarctica/Casey", "Antarctica/Troll", "Asia/Gaza", "Asia/Kolkata", "Asia/Pyongyang"),
    *("Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Europe/Moscow", "Pacific/Apia"),
)
SMALL = Plan(seed=20, cases_per_zone=150, zones=ZONES, changing=4, ordinary=1)


def test_schedules_by_chance_are_due_when_a_clock_shows_their_times() -> None:
    figures = prove(SMALL, processes=1, report=print)

    assert figures["first_differences"] == []
    assert figures["cases"] == 150 * len(ZONES)
    assert min(figures["in_gaps"], figures["in_folds"]) > 100


@pytest.mark.parametrize(("nominal", "at", "remark"), KNOWN, ids=[each[0] for each in KNOWN])
def test_the_model_says_what_is_known_too(nominal: str, at: str, remark: str | None) -> None:
    local, _, zone = nominal.rstrip("]").partition("[")
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    after, until = instant - timedelta(hours=1), instant + timedelta(hours=1)
    once = {"entries": [{"kind": "once", "at": local, "zone": zone}]}

    found = due(once, step_through(zone, after, until), after, until)

    assert found == [(instant, nominal, remark)]


@pytest.mark.parametrize("figure", ["differences", "cases"])
def test_the_proof_fails_if_an_answer_is_wrong_or_too_little_was_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str], figure: str
) -> None:
    def late(*of: Any, **between: Any) -> Iterator[Occurrence]:
        for each in occurrences(*of, **between):
            yield (
                each
                if each.remark is None
                else type(each)(each.wall, each.zone, each.at + timedelta(hours=1), each.remark)
            )

    if figure == "differences":
        monkeypatch.setattr(calendars, "occurrences", late)
        monkeypatch.setattr(calendars, "NAMES", 0)
    monkeypatch.setattr(proof, "OUT", tmp_path)
    zone = ["--zone", "Europe/Berlin"] if figure == "differences" else []
    monkeypatch.setattr(calendars, "zone_names", lambda: {"Europe/Berlin", "UTC"})
    arguments = ["proof", "calendars", "--seed=3", "--cases=60", "--processes=1", *zone]
    monkeypatch.setattr("sys.argv", arguments)

    with pytest.raises(SystemExit) as end:
        proof.main()

    assert end.value.code == 1
    figures = json.loads((tmp_path / "calendars.json").read_text())
    assert not figures["met"]
    assert (figures["differences"] > 0) == (figure == "differences")
    assert "calendars seed: 3" in capsys.readouterr().out
