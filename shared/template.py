"""A template: text with variables of the client, as in `Hello {{ full_name }}`.

Plain substitution on purpose: a body is written by many hands and rendered for millions.
"""

import re
from dataclasses import dataclass
from html import escape

from shared.errors import FieldError, Invalid

VARIABLES = ("full_name", "phone", "email", "operator_code", "time_zone", "comment")

MARK = re.compile(r"\{\{(.*?)\}\}|\{\{|\{%", re.DOTALL)


class TemplateInvalid(Invalid):
    """The text names what a client does not have, or is not closed."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text, prepared once so that it is rendered by one formatting."""

    format: str  # as `%` takes it: `%s` for each variable
    variables: tuple[str, ...]
    is_html: bool = False  # what the client has is escaped

    def render(self, client: object) -> str:
        """Return the text for one client; what the client does not have is left empty."""
        values = [getattr(client, name) or "" for name in self.variables]
        return self.format % tuple(map(escape, values) if self.is_html else values)

    def render_line(self, client: object) -> str:
        """Return the same as one line: a comment may have several, a head has not."""
        text = self.render(client)
        return text if text.isprintable() else " ".join(text.splitlines())


def compile_template(source: str, pointer: str, *, is_html: bool = False) -> Template:
    """Cut `source`, which stands at `pointer` of the request.

    Raises:
        TemplateInvalid: With the place of each mistake, as line and column from 1.
    """
    parts, variables, mistakes, end = [], [], [], 0
    for mark in MARK.finditer(source):
        name = (mark[1] or "").strip()
        if name not in VARIABLES:
            mistakes.append(_mistake(source, mark, name, pointer))
        parts.append(source[end : mark.start()].replace("%", "%%"))
        variables.append(name)
        end = mark.end()
    if mistakes:
        raise TemplateInvalid(*mistakes)
    parts.append(source[end:].replace("%", "%%"))
    return Template("%s".join(parts), tuple(variables), is_html)


def _mistake(source: str, mark: re.Match[str], name: str, pointer: str) -> FieldError:
    before = source[: mark.start()]
    line, column = before.count("\n") + 1, mark.start() - (before.rfind("\n") + 1) + 1
    where = f"line {line}, column {column}"
    if mark[0] == "{%":
        return FieldError(pointer, "no_tags", f"{where}: tags are not supported, only variables")
    if mark[1] is None:
        return FieldError(pointer, "not_closed", f"{where}: '{{{{' has no '}}}}'")
    known = ", ".join(VARIABLES)
    return FieldError(pointer, "unknown_variable", f"{where}: {name[:50]!r} is none of {known}")
