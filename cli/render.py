"""The rendering: what commands show, as tables for people or as JSON for programs.

Colors only on a terminal, and not where NO_COLOR is set; nothing that a table shows can move the
cursor or change colors, wherever the text comes from.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cli import Output

Json: TypeAlias = dict[str, Any]  # an object, as a service answers it

Format = Annotated[Output, typer.Option("--output", "-o", help="How to answer.")]

PIPED_WIDTH = 10_000  # columns: what is piped is never folded or cut

NOTHING = "-"

IDENTIFIERS = ("mailing", "mailing_id", "run", "run_id", "client", "client_id", "message")

COLORS: Mapping[str, str] = {
    "delivered": "green",
    "finished": "green",
    "running": "cyan",
    "retry": "yellow",
    "paused": "yellow",
    "suppressed": "yellow",
    "undetermined": "magenta",
    "failed": "red",
    "expired": "red",
    "cancelled": "red",
    "stopped": "red",
}


def console(*, to_stderr: bool = False) -> Console:
    """Return where to write: results go to stdout, what is said about them to stderr."""
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else PIPED_WIDTH, highlight=False, markup=False
    )


def show(
    output: Output, answer: Json | Sequence[Json], table: Callable[[], RenderableType]
) -> None:
    """Write an answer in the way that was asked for."""
    if output is Output.JSON:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        console().print(table())


def show_line(answer: Json) -> None:
    """Write an answer as one line of JSON: one of many."""
    typer.echo(json.dumps(answer, ensure_ascii=False))


def say(message: str, style: str = "") -> None:
    """Tell something that is no result."""
    console(to_stderr=True).print(message, style=style, soft_wrap=True)


def say_more(limit: int, *, has_more: bool) -> None:
    """Tell that a list goes on."""
    if has_more:
        say(f"There are more than these {limit:,}; --limit shows them.", "dim")


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table; numbers stand to the right."""
    cells = [[cell(value) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, name in enumerate(columns):
        filled = [row[at] for row in cells if row[at].plain != NOTHING]
        is_number = bool(filled) and all(each.justify == "right" for each in filled)
        table.add_column(
            name,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=name in IDENTIFIERS,  # in one piece, so that they can be copied
        )
    for row in cells:
        table.add_row(*row)
    return table


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return a table of names and values, one pair a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        shown = cell(value)
        shown.justify = "left"
        table.add_row(name, shown)
    return table


def cell(value: object) -> Text:
    """Return a value as a table shows it."""
    match value:
        case Text():
            return value
        case None | "" | []:
            return Text(NOTHING, style="dim")
        case bool():
            return Text("yes" if value else "no", style="green" if value else "bold red")
        case int():
            return Text(f"{value:,}", justify="right")
        case list():
            return Text(printable(", ".join(map(str, value))))
        case _:
            text = printable(str(value))
            return Text(text, style=COLORS.get(text, ""))


def printable(text: str) -> str:
    """Return text in which nothing is a command to the terminal; line ends stay."""
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )


def one_line(text: str | None) -> str:
    """Return text without line ends, for a cell among others."""
    return " ".join((text or "").split())


def instant(text: str | None) -> str:
    """Return an instant in this machine's time zone, which it names."""
    if text is None:
        return ""
    return f"{_here(text):%Y-%m-%d %H:%M:%S %Z}"


def time_of_day(text: str) -> str:
    """Return the time of an instant, in this machine's time zone, which it names."""
    return f"{_here(text):%H:%M:%S %Z}"


def _here(text: str) -> datetime:
    """Read an instant in this machine's time zone; as it stands where there is no such year."""
    read = datetime.fromisoformat(text)
    try:
        return read.astimezone()
    except OverflowError:
        return read


def duration(seconds: float) -> str:
    """Return a duration as people say it, in at most two units."""
    whole_s = round(seconds)
    if whole_s < MINUTE_S:
        return f"{whole_s} s"
    if whole_s < HOUR_S:
        return f"{whole_s // MINUTE_S} min {whole_s % MINUTE_S} s"
    if whole_s < DAY_S:
        return f"{whole_s // HOUR_S} h {whole_s % HOUR_S // MINUTE_S} min"
    return f"{whole_s // DAY_S:,} d {whole_s % DAY_S // HOUR_S} h"


MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
