"""Whatever the services refuse is said on the page in the reader's words, not in the API's."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
WORDS = PROJECT / "web" / "src" / "words"
# What only programs are told: the page itself would be at fault.
OF_PROGRAMS = {
    "bad_cursor",
    "content_encoding",
    "duplicate_parameter",
    "empty_parameter",
    "has_audience",
    "hung",
    "idempotency_key",
    "if_match",
    "json_invalid",
    "paused_by_mailing",
    "stopped",
    "unexpected_body",
    "unknown_parameter",
    "with_filter",
}
# What the page has no form for: gateways are described elsewhere, suppressions imported.
OF_OTHERS = {"address_refused", "hash", "kind", "name", "no_key", "since", "source", "text"}
OF_OTHERS |= {"unknown_key"}
NAMES = {"in_use"}  # its detail is the names of mailings, the same in all languages


def types() -> set[str]:
    """Return the types of all problems that the APIs document."""
    found: set[str] = set()
    for path in (PROJECT / "docs" / "openapi").glob("*.json"):
        for answer in json.loads(path.read_text())["components"]["responses"].values():
            content = answer.get("content", {}).get("application/problem+json", {})
            examples = [each["value"] for each in content.get("examples", {}).values()]
            found |= {each["type"] for each in [*examples, content.get("example")] if each}
    return found


@cache
def codes() -> frozenset[str]:
    """Return the codes of what services find wrong with a field."""
    return frozenset(_codes())


def _codes() -> Iterator[str]:
    for root in ("services", "shared"):
        for path in (PROJECT / root).rglob("*.py"):
            if "FieldError(" not in (source := path.read_text()):
                continue
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "FieldError":
                    code = node.args[1] if len(node.args) > 1 else None
                    if isinstance(code, ast.Constant):
                        yield str(code.value)


@cache
def words(name: str, language: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((WORDS / f"{name}.{language}.json").read_text())
    return read


@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_type_of_problem_has_words(language: str) -> None:
    known = types()
    assert "StaleVersion" in known
    assert known - set(words("problems", language)["types"]) == set()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_code_of_a_refused_field_has_words(language: str) -> None:
    known = set(words("screens", language)["codes"])
    known |= {each.replace("-", "_") for each in words("problems", language)["refusal"]}
    known |= {code for at in words("screens", language)["codesAt"].values() for code in at}
    found = codes()
    assert {"phone", "operator_code"} <= found
    assert found - known - OF_PROGRAMS - OF_OTHERS - NAMES == set()
