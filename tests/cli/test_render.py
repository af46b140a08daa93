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


@pytest.mark.parametrize(
    "text",
    [
        "1\u00a0000\u202f₽",
        "\u2003em\u3000wide",
        "👩\u200d👩\u200d👧",
        "\u0645\u06cc\u200c\u062e\u0648",
        "Donau\u00addampf",
        "a\u2060b\ufeff",
        "🏴\U000e0067\U000e007f",
        "שלום\u200f",
        "\U0001fae8 newer than this Python",
        "\uf8ff private",
    ],
)
def test_text_of_all_languages_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "each", "\0\a\b\t\r\x1b\x7f\x85\x9b\u2028\u2029\u202a\u202e\u2066\u2069\ud800"
)
def test_what_moves_the_cursor_or_turns_text_around_is_replaced(each: str) -> None:
    assert printable(f"a{each}b") == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_rows_are_legible_at_every_width(width: int) -> None:
    screen = Console(width=width, record=True, file=console().file)
    identifier, words = "01a201e4-6c68-70f0-baaf-d5cbd070123b", "Spring sale for all"
    columns = ["mailing_id", "name", "status", "planned", "starts", "ends"]
    row = [identifier, words, "finished", 1_000_000, "2026-01-01 12:00:00 UTC", None]

    screen.print(grid(columns, [row, row]))

    lines = screen.export_text().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    for whole in (identifier, "finished", "1,000,000", "planned", "2026-01-01", "Spring"):
        assert any(whole in line for line in lines)


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

    screen.print(grid(["mailing_id", "name"], [[identifier, "a name of several words " * 3]]))

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
