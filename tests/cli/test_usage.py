"""What was typed wrongly is refused in plain words, and with what could be typed instead."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli import Exit
from cli.__main__ import app
from cli.usage import plain
from tests.cli.conftest import Mailings

OF_LIBRARIES = ("Value error", "Input should", "Assertion failed", "unable to parse")


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each command that there is, with what is typed for it."""
    inner = getattr(group, "commands", None)
    if inner is None:
        yield path, group
        return
    for name, each in sorted(inner.items()):
        yield from commands(each, f"{path} {name}".strip())


def refused(command: Any, *typed: str) -> str:
    """Return why what was typed cannot be taken; empty: it can."""
    try:
        command.make_context("", list(typed))
    except typer.BadParameter as refusal:
        return plain(refusal)
    return ""


EVERY = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", EVERY)
def test_no_refusal_has_the_words_of_a_library(path: str) -> None:
    command = EVERY[path]
    for each in command.params:
        if each.param_type_name != "option" or each.is_flag:
            continue
        for value in ("\N{SNOWMAN}", "-1", "9" * 5_000):
            said = refused(command, each.opts[0], value)
            assert not [words for words in OF_LIBRARIES if words in said]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("mailings list --status bad", "'bad' is not one of 'created', 'running', 'paused'"),
        ("messages list --status bad", "'bad' is not one of 'planned', 'retry', 'delivered'"),
        ("mailings create --priority 1", "'1' is not one of 'bulk', 'normal', 'urgent'"),
        ("mailings list --limit x", "a whole number is needed"),
        ("mailings list --limit 0", "it must be at least 1"),
        ("runs list --limit -1", "it must be at least 1"),
        ("mailings list --id x", "'x' is not an identifier such as"),
    ],
)
def test_a_refusal_says_what_could_be_typed(mailings: Mailings, typed: str, words: str) -> None:
    result = mailings(*typed.split())

    assert result.code == Exit.USAGE
    assert words in " ".join(result.err.replace("│", " ").split())
