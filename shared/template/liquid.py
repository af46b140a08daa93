"""Liquid: templates with tags and filters, by the library python-liquid.

Whatever is written, to render it costs little: loops go over tags alone, no filter makes much of
little, and what all of it costs for the client with the most tags is counted before it is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from liquid import BoundTemplate, Environment
from liquid.builtin import content, illegal, output
from liquid.builtin.filters import array, misc, string
from liquid.builtin.tags import case_tag, for_tag, if_tag, unless_tag
from liquid.exceptions import LiquidError

from shared.template.checks import (
    in_loops,
    in_marks,
    in_names,
    in_syntax,
    mistake_of,
)
from shared.template.cost import COST_LIMIT, LENGTHS, LOOP, TAG, cost_of
from shared.template.marks import (
    OUTPUT_LIMIT,
    VARIABLES,
    Mark,
    Mistake,
    RenderFailed,
    refuse,
)

_TAGS = (
    *(content.Literal, output.Output, illegal.Illegal),
    *(if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag),
    *(for_tag.ForTag, for_tag.BreakTag, for_tag.ContinueTag),
)
# None of them makes more than some times its input, as `replace` or `append` in a chain could, and
# none depends on when it is: a message that is sent again has the same text.
FILTERS = {
    "capitalize": string.capitalize,
    "default": misc.default,
    "downcase": string.downcase,
    "escape": string.escape,
    "first": array.first,
    "join": array.join,
    "last": array.last,
    "newline_to_br": string.newline_to_br,
    "size": misc.size,
    "strip": string.strip,
    "truncate": string.truncate,
    "truncatewords": string.truncatewords,
    "upcase": string.upcase,
    "url_encode": string.url_encode,
}
# A client that has all, as long as it can be, and one that has nothing.
_ALL = SimpleNamespace(
    **{name: "x" * length for name, length in LENGTHS.items()}
    | {"tags": tuple(f"{number:0{TAG}}" for number in range(LOOP))}
)
_NOTHING = SimpleNamespace(**dict.fromkeys(VARIABLES), tags=())


class _Environment(Environment):
    """Liquid, with what is bounded alone."""

    block_nesting_limit = 10
    loop_iteration_limit = COST_LIMIT
    output_stream_limit = 4 * OUTPUT_LIMIT  # bytes

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:  # noqa: ARG002 - this is all
        for tag in _TAGS:
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


_TEXT, _HTML = _Environment(), _Environment(autoescape=True)


@dataclass(frozen=True, slots=True)
class LiquidTemplate:
    """A parsed template."""

    template: BoundTemplate
    variables: tuple[str, ...]

    def render(self, client: object) -> str:
        """Return the text for one client; what the client does not have is left empty.

        Raises:
            RenderFailed: It became too long, or something in it cannot be done with this client.
        """
        try:
            text = self.template.render({n: getattr(client, n) for n in self.variables})
        except LiquidError as error:
            raise RenderFailed(type(error).__name__) from error
        if len(text) > OUTPUT_LIMIT:
            raise RenderFailed("too_long")
        return text


def compile_liquid(
    source: str, marks: Sequence[Mark], pointer: str, *, is_html: bool
) -> LiquidTemplate:
    """Prepare a text that has tags or filters.

    Raises:
        TemplateInvalid: With the place of each mistake, as line and column from 1.
    """
    refuse(source, pointer, in_marks(marks))
    environment = _HTML if is_html else _TEXT
    try:
        template = environment.from_string(source)
        found = template.analyze(include_partials=False)
    except Exception as error:
        refuse(source, pointer, in_syntax(environment, marks, error))
        raise AssertionError("a text that is not parsed has a mistake") from error
    refuse(source, pointer, in_names(found, FILTERS))
    refuse(source, pointer, in_loops(template))
    if (cost := cost_of(template)) > COST_LIMIT:
        detail = f"at most {COST_LIMIT:,} steps for a client with {LOOP} tags: it takes {cost:,}"
        refuse(source, pointer, [Mistake(0, "too_costly", detail, (COST_LIMIT,))])
    compiled = LiquidTemplate(template, tuple(sorted(found.globals)))
    refuse(source, pointer, _when_rendered(compiled))
    return compiled


def _when_rendered(template: LiquidTemplate) -> list[Mistake]:
    """Return what goes wrong with a client that has all, or nothing, such as a wrong argument."""
    for client in (_ALL, _NOTHING):
        try:
            template.render(client)
        except Exception as error:  # noqa: BLE001 - the same goes wrong when it is sent
            return [mistake_of(error.__cause__ or error, code="cannot_render")]
    return []
