"""Cost: what it takes to render a text with tags and filters for the client that has most."""

from liquid import BoundTemplate, Expression, Node, RenderContext
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Filter, FilteredExpression, Path, StringLiteral
from liquid.builtin.tags.for_tag import ForNode

COST_LIMIT = 5_000  # steps: each some microseconds
CHARACTERS = 200  # of a value that a filter, or the text, takes at the cost of a step

LOOP = 50  # tags of a client, at most
TAG = 100  # characters
LENGTHS = {
    "full_name": 200,
    "phone": 11,
    "email": 254,
    "operator_code": 3,
    "time_zone": 64,
    "comment": 2_000,
    "unsubscribe_url": 320,
    "tags": LOOP * TAG,
}
# How many characters a filter makes of one, at most; all others make no more than one.
GROWTH = {"capitalize": 3, "downcase": 3, "escape": 6, "newline_to_br": 7, "upcase": 3}
GROWTH |= {"url_encode": 12}
SLOW = {"url_encode": 10}  # steps of it cost as much as so many of others


def cost_of(template: BoundTemplate) -> int:
    """Return how many steps it takes, at most."""
    context = RenderContext(template)
    return sum(_cost(node, context) for node in template.nodes)


def _cost(node: Node, context: RenderContext) -> int:
    own = 1 + sum(map(_work, node.expressions()))
    if isinstance(node, ContentNode):
        own += len(node.text) // CHARACTERS
    inner = sum(_cost(child, context) for child in node.children(context))
    return own + inner * (LOOP if isinstance(node, ForNode) else 1)


def _work(expression: Expression) -> int:
    if not isinstance(expression, FilteredExpression):
        return 1 + sum(map(_work, expression.children()))
    length, work = _length(expression.left), _work(expression.left)
    for each in expression.filters or ():
        work += (1 + length // CHARACTERS) * SLOW.get(each.name, 1)
        work += sum(map(_work, each.children()))
        length = _filtered(each, length)
    return work + length // CHARACTERS


def _filtered(used: Filter, length: int) -> int:
    """Return how long a value is after a filter, at most."""
    longest = max(map(_length, used.children()), default=0)
    if used.name == "join":
        return LOOP * (TAG + longest)
    return length * GROWTH.get(used.name, 1) + longest


def _length(expression: Expression) -> int:
    """Return how long a value is, at most; what is no variable and no text is short."""
    if isinstance(expression, Path):
        return LENGTHS.get(str(expression.path[0]), TAG)
    return len(expression.value) if isinstance(expression, StringLiteral) else TAG
