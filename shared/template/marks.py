"""Marks: where a text is not what it says, as in `{{ full_name }}` or `{% if email %}`."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from shared import unsubscribe
from shared.errors import FieldError, Invalid

OF_CLIENT = ("full_name", "phone", "email", "operator_code", "time_zone", "comment")
VARIABLES = (*OF_CLIENT, unsubscribe.VARIABLE)

OUTPUT_LIMIT = 200_000  # characters of a rendered text: twice what a mail program shows
LENGTH_LIMIT = 500  # characters of a mark. What looks farther for an end takes its square in time.
MISTAKES_LIMIT = 20  # that are told: to find the line of one takes time

_INNER = f".{{0,{LENGTH_LIMIT}}}?"
_MARK = re.compile(
    r"\{\{(?P<value>" + _INNER + r")\}\}|\{%(?P<tag>" + _INNER + r")%\}|\{\{|\{%", re.DOTALL
)
_TAG_NAME = re.compile(r"-?\s*(\w*)")


class TemplateInvalid(Invalid):
    """The text is no template: a variable, a tag or a filter in it is wrong, or not closed."""


class RenderFailed(Exception):
    """A text cannot be rendered for this client."""


class Mark(NamedTuple):
    """A mark, from its first brace to its last."""

    start: int  # in the source
    text: str
    value: str | None  # what stands between `{{` and `}}`
    tag: str | None  # what stands between `{%` and `%}`

    @property
    def end(self) -> int:
        """Return where the text after it begins."""
        return self.start + len(self.text)

    @property
    def name(self) -> str:
        """Return what the tag is called; empty if it is none."""
        found = _TAG_NAME.match(self.tag or "")
        return found[1] if found else ""

    @property
    def is_closed(self) -> bool:
        """Return whether it has an end."""
        return self.value is not None or self.tag is not None

    @property
    def is_liquid(self) -> bool:
        """Return whether it is more than a variable."""
        return self.text.startswith("{%") or "|" in (self.value or "")


class Mistake(NamedTuple):
    """What is wrong, and where in the source."""

    start: int
    code: str
    detail: str
    limits: tuple[float, ...] = ()
    name: str = ""  # that stands there in place of a variable


def cut(source: str) -> list[Mark]:
    """Return the marks of a text, in order; no more once many of them have no end."""
    marks: list[Mark] = []
    open_count = 0
    for each in _MARK.finditer(source):
        marks.append(Mark(each.start(), each[0], each["value"], each["tag"]))
        open_count += not marks[-1].is_closed
        if open_count == MISTAKES_LIMIT:
            break
    return marks


def not_closed(marks: Iterable[Mark]) -> list[Mistake]:
    """Return the marks that have no end, or one that is too far away."""
    ends = {"{{": "}}", "{%": "%}"}
    return [
        Mistake(mark.start, "not_closed", f"'{mark.text}' has no '{ends[mark.text]}'")
        for mark in marks
        if not mark.is_closed
    ]


def unknown(start: int, name: str, known: Sequence[str]) -> Mistake:
    """Return that `name` is no variable."""
    detail = f"{name[:50]!r} is none of {', '.join(known)}"
    return Mistake(start, "unknown_variable", detail, name=name)


def refuse(source: str, pointer: str, mistakes: Sequence[Mistake]) -> None:
    """Refuse a text at `pointer` of the request in which there are mistakes.

    Raises:
        TemplateInvalid: With the place of each of the first ones, as line and column from 1.
    """
    if mistakes:
        ordered = sorted(set(mistakes))[:MISTAKES_LIMIT]
        raise TemplateInvalid(*(_field_error(source, pointer, each) for each in ordered))


def _field_error(source: str, pointer: str, mistake: Mistake) -> FieldError:
    before = source[: mistake.start]
    line, column = before.count("\n") + 1, mistake.start - (before.rfind("\n") + 1) + 1
    detail = f"line {line}, column {column}: {mistake.detail}"
    close = get_close_matches(mistake.name, VARIABLES, 1)  # here, as few mistakes are told
    if close:
        detail += f"; did you mean {close[0]!r}?"
    return FieldError(pointer, mistake.code, detail, mistake.limits)


def as_line(text: str) -> str:
    """Return a text as one line: a comment may have several, a head has not."""
    return text if text.isprintable() else " ".join(text.splitlines())
