"""Loops end when they are cancelled, whatever a library makes of the cancellation."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("services", "shared")


def loops(path: Path) -> Iterator[ast.While]:
    """Yield the loops of coroutines that say no end of their own."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.AsyncFunctionDef):
            for each in ast.walk(node):
                if isinstance(each, ast.While) and ast.unparse(each.test) == "True":
                    yield each


def waits(loop: ast.While) -> bool:
    """Return whether a loop goes on for ever, or as long as something is away.

    One that only sleeps hears of its cancellation.
    """
    inside = list(ast.walk(loop))
    awaited = {
        ast.unparse(each.value).partition("(")[0] for each in inside if isinstance(each, ast.Await)
    }
    is_endless = not any(isinstance(each, ast.Return | ast.Break) for each in inside)
    return bool(is_endless and awaited - {"asyncio.sleep"}) or "backoff.wait" in awaited


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await asyncio.sleep(1)", False),
        ("await asyncio.sleep(1); await client.read()", True),
        ("if await client.read(): break", False),
        ("await backoff.wait(error); break", True),
    ],
)
def test_what_waits_is_known(body: str, expected: bool) -> None:
    [loop] = ast.parse(f"while True:\n    {body}").body
    assert isinstance(loop, ast.While)
    assert waits(loop) == expected


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_loop_that_waits_asks_whether_it_goes_on(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{loop.lineno}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for loop in loops(path)
        if waits(loop)
    ]

    assert found == [], "write `while goes_on():`"
