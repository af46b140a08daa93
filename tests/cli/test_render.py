"""Tables and JSON."""

import json
import time
from collections.abc import Iterator

import pytest
from rich.console import Console

from cli import Output
from cli.render import console, duration, facts, grid, instant, printable, show


@pytest.fixture
def in_moscow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Moscow")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_moscow")
def test_an_instant_is_shown_here_with_its_zone() -> None:
    assert instant("2026-01-01T12:00:00.5Z") == "2026-01-01 15:00:00 MSK"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.7, "1 min 0 s"),
        (61, "1 min 1 s"),
        (119.8, "2 min 0 s"),
        (3_600, "1 h 0 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_at_most_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_nothing_that_a_table_shows_can_command_the_terminal() -> None:
    assert (
        printable("a\x1b[31mb\x9bc\nd\te")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\nd\N{REPLACEMENT CHARACTER}e"
    )


def test_markup_in_a_value_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:
    show(Output.TABLE, {}, lambda: grid(["name"], [["[red]x[/red] :smile:"]]))

    assert "[red]x[/red] :smile:" in capsys.readouterr().out


def test_what_is_piped_is_neither_cut_nor_folded_nor_colored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    long = "x" * 500

    show(Output.TABLE, {}, lambda: facts([("status", "failed"), ("body", long)]))

    out = capsys.readouterr().out
    assert long in out
    assert "\x1b" not in out


def test_identifiers_stay_in_one_piece_on_a_narrow_terminal() -> None:
    screen = Console(width=60, record=True, file=console().file)
    identifier = "01a201e4-6c68-70f0-baaf-d5cbd070123b"

    screen.print(grid(["mailing", "name"], [[identifier, "a name of several words " * 3]]))

    assert identifier in screen.export_text()


def test_json_is_what_the_service_has_answered(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {"full_name": "Анна", "count": 1_000, "none": None}

    show(Output.JSON, answer, lambda: facts([]))

    out = capsys.readouterr().out
    assert json.loads(out) == answer
    assert "Анна" in out


@pytest.mark.usefixtures("in_moscow")
def test_an_instant_without_a_year_here_is_shown_as_it_stands() -> None:
    assert instant("9999-12-31T23:59:59.999999Z") == "9999-12-31 23:59:59 UTC"
