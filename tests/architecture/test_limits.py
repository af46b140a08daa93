"""A refusal that names a number of ours has it as a number too, for words in other languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE_BY = {"FieldError", "Mistake"}
NAMES_A_LIMIT = re.compile(r"(at most|more than|longer than|\d to) \{")
DETAIL_AT, LIMITS_AT = 2, 3  # of the arguments
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def refusals() -> Iterator[tuple[str, str, bool]]:
    """Give where each refusal is made, its detail as source, and whether it has limits."""
    for path in sorted([*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]):
        source = path.read_text()
        if not any(f"{name}(" in source for name in MADE_BY):
            continue
        tree = ast.parse(source)
        alone = [each for each in tree.body if isinstance(each, ast.Assign)]
        functions = [each for each in ast.walk(tree) if isinstance(each, FUNCTIONS)]
        for part in [*alone, *functions]:
            for line, detail, has_limits in _made_in(part):
                yield f"{path.relative_to(ROOT)}:{line}", detail, has_limits


def _made_in(part: ast.AST) -> Iterator[tuple[int, str, bool]]:
    nodes = list(ast.walk(part))
    texts = {
        target.id: ast.unparse(node.value)
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in MADE_BY:
            detail = ast.unparse(node.args[DETAIL_AT]) if len(node.args) > DETAIL_AT else ""
            yield node.lineno, texts.get(detail, detail), len(node.args) > LIMITS_AT


def test_a_limit_that_is_said_in_words_is_given_as_a_number_too() -> None:
    named = {where: has for where, detail, has in refusals() if NAMES_A_LIMIT.search(detail)}

    assert len(named) > 20
    assert [where for where, has_limits in named.items() if not has_limits] == []
