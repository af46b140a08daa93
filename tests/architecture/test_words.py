"""One word per idea, and the field's own: names that were given up do not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("services", "shared", "cli", "deploy", "bench", "sdk")

# Parts of names, and what they are called here.
GIVEN_UP = {
    "told": "reported, published or public, by what is meant",
    "tell": "report or publish",
    "said": "the thing itself: output, answer, templates",
    "hear": "read or consume",
    "me": "sender_id or owner",
    "hungry": "needs_work",
    "heir": "successor",
    "skew": "clock_offset_s",
    "believed": "ttl",
    "unfit": "cannot_send",
    "tellable": "public_gateway_id",
    "bury": "store_dead_letters",
    "buried": "from_tombstone",
    "retell": "republish_latest",
    "unsure": "unconfirmed",
    "patience": "Backoff",
    "outlook": "PendingWork",
    "refuge": "fallback_dir",
}
PARTS = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module gives to things."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.arg(arg=name)
                | ast.Name(id=name, ctx=ast.Store())
                | ast.Attribute(attr=name, ctx=ast.Store())
            ):
                yield name
            case _:
                pass


def test_no_name_has_a_word_that_was_given_up() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name} ({GIVEN_UP[part]})"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for name in names(ast.parse(path.read_text()))
        for part in (each.lower() for each in PARTS.split(name))
        if part in GIVEN_UP
    }

    assert found == set()
