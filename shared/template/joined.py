"""Joined: a template that has variables alone is rendered by one formatting."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from shared.template.marks import (
    OUTPUT_LIMIT,
    VARIABLES,
    Mark,
    Mistake,
    RenderFailed,
    not_closed,
    refuse,
)

LONGEST_VALUE = 12_000  # characters: of a comment in HTML, where each becomes up to six


@dataclass(frozen=True, slots=True)
class JoinedTemplate:
    """Text, prepared once so that it is rendered by one formatting."""

    format: str  # as `%` takes it: `%s` for each variable
    variables: tuple[str, ...]
    is_html: bool = False  # what the client has is escaped

    def render(self, client: object) -> str:
        """Return the text for one client; what the client does not have is left empty.

        Raises:
            RenderFailed: It would be too long.
        """
        values = [getattr(client, name) or "" for name in self.variables]
        if self.is_html:
            values = list(map(escape, values))
        size = len(self.format)
        if size + LONGEST_VALUE * len(values) > OUTPUT_LIMIT < size + sum(map(len, values)):
            raise RenderFailed("too_long")
        return self.format % tuple(values)


def compile_joined(
    source: str, marks: Sequence[Mark], pointer: str, *, is_html: bool
) -> JoinedTemplate:
    """Prepare a text that has variables alone.

    Raises:
        TemplateInvalid: With the place of each mistake, as line and column from 1.
    """
    parts, variables, end = [], [], 0
    mistakes = not_closed(marks)
    for mark in marks:
        name = (mark.value or "").strip()
        if name not in VARIABLES and mark.is_closed:
            detail = f"{name[:50]!r} is none of {', '.join(VARIABLES)}"
            mistakes.append(Mistake(mark.start, "unknown_variable", detail))
        parts.append(source[end : mark.start].replace("%", "%%"))
        variables.append(name)
        end = mark.end
    refuse(source, pointer, mistakes)
    parts.append(source[end:].replace("%", "%%"))
    return JoinedTemplate("%s".join(parts), tuple(variables), is_html)
