"""The rendering: what commands show, as tables for people or as JSON for programs.

Colors only on a terminal, and not where NO_COLOR is set; nothing that a table shows can move the
cursor or change colors, wherever the text comes from.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from unicodedata import category

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from cli import Output

Json: TypeAlias = dict[str, Any]  # an object, as a service answers it

Format = Annotated[Output, typer.Option("--output", "-o", help="How to answer.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print identifiers only.")]

PIPED_WIDTH = 10_000  # columns: what is piped is never folded or cut

NOTHING = "-"
GAP = 2  # columns of the terminal between those of a table
LEGIBLE = 14  # columns of the terminal that a text needs at least, or its own length if shorter

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
COMMANDS = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of characters, line ends
# Source: Unicode Standard Annex 9. These show text in another order than it has.
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

IDENTIFIERS = ("mailing_id", "run_id", "client_id", "message_id", "import_id", "phone")

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


def note(message: str, style: str = "") -> None:
    """Tell something that is no result."""
    console(to_stderr=True).print(message, style=style, soft_wrap=True)


class Listing:
    """A list that a service has answered, or the first part of one."""

    def __init__(self, key: str, things: str, found: tuple[Sequence[Json], bool]) -> None:
        self.key = key  # the field that identifies each
        self.things = things  # what they are, as in "There are no clients."
        self.items, self.has_more = found

    def show(self, output: Output, table: Callable[[], RenderableType], *, quiet: bool) -> None:
        """Write the list in the way that was asked for; an empty one says that it is."""
        if quiet:
            for each in self.items:
                typer.echo(each[self.key])
        else:
            if self.items or output is Output.JSON:
                show(output, self.items, table)
            if not self.items:
                note(f"There are no {self.things}.", "dim")
        if self.has_more:
            note(f"There are more than these {len(self.items):,}; --limit shows them.", "dim")


def show_one(
    output: Output, answer: Json, table: Callable[[], RenderableType], *, key: str, quiet: bool
) -> None:
    """Write one thing in the way that was asked for; `key` is the field that identifies it."""
    if quiet:
        typer.echo(answer[key])
    else:
        show(output, answer, table)


class Grid:
    """Rows below the names of their columns; where the terminal is too narrow, row by row.

    Numbers stand to the right. Identifiers stay in one piece, so that they can be copied.
    """

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.columns = columns
        self.rows = [[cell(value) for value in row] for row in rows]

    def __rich_console__(
        self, screen: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Give the table, or a block of lines for each row."""
        needed = [self._needed(at) for at in range(len(self.columns))]
        if sum(needed) + GAP * (len(needed) - 1) <= options.max_width:
            yield self._table(needed)
            return
        for number, row in enumerate(self.rows):
            if number:
                yield Text()
            yield facts(zip(self.columns, row, strict=True))

    def _needed(self, at: int) -> int:
        """Return the columns of the terminal below which column `at` is not legible."""
        name = self.columns[at]
        longest = max([name, *(row[at].plain for row in self.rows)], key=cell_len)
        if name in IDENTIFIERS:
            return cell_len(longest)
        words = max((cell_len(row[at].plain) for row in self.rows), default=0)
        return max(cell_len(name), min(words, LEGIBLE))

    def _table(self, needed: Sequence[int]) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for at, name in enumerate(self.columns):
            filled = [row[at] for row in self.rows if row[at].plain != NOTHING]
            is_number = bool(filled) and all(each.justify == "right" for each in filled)
            table.add_column(
                name,
                justify="right" if is_number else "left",
                overflow="fold",
                no_wrap=name in IDENTIFIERS,
                min_width=needed[at],
            )
        for row in self.rows:
            table.add_row(*row)
        return table


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Grid:
    """Return rows below the names of their columns."""
    return Grid(columns, rows)


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Return a table of names and values, one pair a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        shown = cell(value).copy()
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
    """Return text in which nothing is a command to the terminal; line ends stay.

    Spaces of all kinds, joiners of emoji and scripts, and characters newer than this Python stay:
    they are text.
    """
    return "".join(REPLACEMENT if _is_command(each) else each for each in text)


def _is_command(character: str) -> bool:
    if character.isprintable() or character == "\n":
        return False
    return category(character) in COMMANDS or character in REORDERING


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
