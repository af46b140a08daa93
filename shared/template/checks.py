"""Checks: what is wrong with a text that has tags or filters."""

from collections.abc import Collection, Iterator, Sequence

from liquid import BoundTemplate, Environment, Expression, Node, RenderContext
from liquid.builtin.expressions import Path
from liquid.builtin.tags.for_tag import ForNode
from liquid.exceptions import LiquidError
from liquid.static_analysis import TemplateAnalysis, Variable

from shared.template.marks import VARIABLES, Mark, Mistake, not_closed, unknown

# What is parsed, so that it takes a fraction of a second: marks, characters of all of them, and
# brackets in one, of which the library's time is the square and more.
MARKS_LIMIT, LENGTH_LIMIT, BRACKETS_LIMIT = 1_000, 30_000, 4

TAGS = "tags"  # the variable
KNOWN = (*VARIABLES, TAGS)

_ENDS = {"if": "endif", "unless": "endunless", "case": "endcase", "for": "endfor"}
_NAMES = frozenset({*_ENDS, *_ENDS.values(), *("elsif", "else", "when", "break", "continue")})
# What stands around a tag that is looked at alone.
_AROUND = {
    "if": ("", "{% endif %}"),
    "elsif": ("{% if 1 %}", "{% endif %}"),
    "unless": ("", "{% endunless %}"),
    "case": ("", "{% when 1 %}{% endcase %}"),
    "when": ("{% case 1 %}", "{% endcase %}"),
    "for": ("", "{% endfor %}"),
}
_ATTRIBUTES = ("size", "first", "last")


def in_marks(marks: Sequence[Mark]) -> list[Mistake]:
    """Return what can be seen without reading expressions: no end, no such tag, too many."""
    mistakes = not_closed(marks)
    length = sum([len(mark.text) for mark in marks])
    if len(marks) > MARKS_LIMIT or length > LENGTH_LIMIT:
        detail = f"at most {MARKS_LIMIT:,} variables and tags of {LENGTH_LIMIT:,} characters"
        mistakes.append(Mistake(marks[-1].start, "too_many", detail, (MARKS_LIMIT, LENGTH_LIMIT)))
    mistakes += [
        Mistake(mark.start, "too_many", f"at most {BRACKETS_LIMIT} brackets", (BRACKETS_LIMIT,))
        for mark in marks
        if mark.text.count("[") > BRACKETS_LIMIT
    ]
    return mistakes + [
        Mistake(
            mark.start, "unknown_tag", f"{mark.name[:50]!r} is none of {', '.join(sorted(_NAMES))}"
        )
        for mark in marks
        if mark.tag is not None and mark.name not in _NAMES
    ]


def in_syntax(environment: Environment, marks: Sequence[Mark], error: Exception) -> list[Mistake]:
    """Return why a text cannot be parsed: of each mark, else the `error` of the whole."""
    alone = [found for mark in marks if (found := _alone(environment, mark))]
    if alone:
        return alone
    if _index(error) is None and (mark := _left_open(marks)):
        detail = f"'{mark.name}' has no '{_ENDS[mark.name]}'"
        return [Mistake(mark.start, "not_closed", detail)]
    return [mistake_of(error, code="syntax")]


def _alone(environment: Environment, mark: Mark) -> Mistake | None:
    """Return what is wrong with a mark, whatever stands around it."""
    if mark.tag is not None and mark.name not in _AROUND:
        return None
    before, after = _AROUND.get(mark.name, ("", ""))
    try:
        environment.from_string(f"{before}{mark.text}{after}")
    except Exception as error:  # noqa: BLE001 - whatever a stranger's parser raises
        return mistake_of(error, code="syntax", within=mark, offset=mark.start - len(before))
    return None


def _left_open(marks: Sequence[Mark]) -> Mark | None:
    waiting: list[Mark] = []
    for mark in marks:
        if mark.name in _ENDS:
            waiting.append(mark)
        elif waiting and mark.name == _ENDS[waiting[-1].name]:
            waiting.pop()
    return waiting[-1] if waiting else None


def mistake_of(
    error: BaseException, *, code: str, within: Mark | None = None, offset: int = 0
) -> Mistake:
    """Return what the library says of a text, at the place of which it speaks."""
    detail = str(error.message if isinstance(error, LiquidError) else type(error).__name__)[:100]
    index, start = _index(error), 0
    if within is not None:
        start = within.start
    if index is not None:
        start = index + offset
        start = start if within is None else min(max(start, within.start), within.end - 1)
    return Mistake(start, code, detail)


def _index(error: BaseException) -> int | None:
    """Return where in the text an error is; None if it does not say."""
    token = error.token if isinstance(error, LiquidError) else None
    return None if token is None or token.start_index < 0 else token.start_index


def in_names(found: TemplateAnalysis, filters: Collection[str]) -> list[Mistake]:
    """Return the variables that no client has, and the filters that there are not."""
    used = [variable for each in found.variables.values() for variable in each]
    strange = [
        variable for name, each in found.globals.items() for variable in each if name not in KNOWN
    ]
    mistakes = [
        unknown(each.span.index, str(each), KNOWN)
        for each in [*strange, *(each for each in used if not _is_path(each))]
    ]
    return mistakes + [
        Mistake(span.index, "unknown_filter", f"{name[:50]!r} is none of {', '.join(filters)}")
        for name, spans in found.filters.items()
        if name not in filters
        for span in spans
    ]


def _is_path(variable: Variable) -> bool:
    """Return whether a variable may have what is asked of it, as in `tags.size` or `tags[0]`."""
    root, *rest = variable.segments
    if not rest or root == "forloop":
        return isinstance(root, str)
    return len(rest) == 1 and (isinstance(rest[0], int) or rest[0] in _ATTRIBUTES)


def in_loops(template: BoundTemplate) -> list[Mistake]:
    """Return the loops that go over anything but tags."""
    return [
        Mistake(each.token.start_index, "loop", f"only {TAGS} can be looped over")
        for each in _nodes(template.nodes, RenderContext(template))
        if isinstance(each, ForNode) and not _is_over_tags(each.expression.iterable)
    ]


def _is_over_tags(expression: Expression) -> bool:
    return isinstance(expression, Path) and list(expression.path) == [TAGS]


def _nodes(nodes: Sequence[Node], context: RenderContext) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _nodes(list(node.children(context)), context)
