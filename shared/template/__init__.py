"""A template: text with variables of the client, as in `Hello {{ full_name }}`.

A body is written by many hands and rendered for millions: with variables alone it becomes one
join, with tags or filters it is Liquid. Whatever is written, to render it is bounded.
"""

from typing import Protocol

from shared.template.joined import compile_joined
from shared.template.liquid import compile_liquid
from shared.template.marks import VARIABLES, RenderFailed, TemplateInvalid, as_line, cut

__all__ = (
    "VARIABLES",
    "RenderFailed",
    "Template",
    "TemplateInvalid",
    "as_line",
    "compile_template",
)


class Template(Protocol):
    """Text, prepared once to be rendered for many clients."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Of what a client has, what stands in it."""

    def render(self, client: object) -> str:
        """Return the text for one client; what the client does not have is left empty.

        Raises:
            RenderFailed: It became too long, or something in it cannot be done with this client.
        """


def compile_template(source: str, pointer: str, *, is_html: bool = False) -> Template:
    """Prepare `source`, which stands at `pointer` of the request.

    Raises:
        TemplateInvalid: With the place of each mistake, as line and column from 1.
    """
    marks = cut(source)
    if any(mark.is_liquid for mark in marks):
        return compile_liquid(source, marks, pointer, is_html=is_html)
    return compile_joined(source, marks, pointer, is_html=is_html)
