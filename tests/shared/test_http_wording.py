"""What pydantic finds wrong is told in words of JSON."""

import re
from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from shared.http import wording

# What no request leads to: they are about Python's own objects, functions and settings.
IMPOSSIBLE = {
    "no_such_attribute",
    "needs_python_object",
    "frozen_field",
    "frozen_instance",
    "get_attribute_error",
    "dataclass_exact_type",
    "named_tuple_type",
    "default_factory_not_called",
    "iteration_error",
    "frozen_dict_type",
    "ordered_dict_type",
    "counter_type",
    "set_item_not_hashable",
    "missing_sentinel_error",
    "ellipsis_error",
    "is_instance_of",
    "is_subclass_of",
    "callable_type",
    "arguments_type",
    "missing_argument",
    "unexpected_keyword_argument",
    "missing_keyword_only_argument",
    "unexpected_positional_argument",
    "missing_positional_only_argument",
    "multiple_argument_values",
    "fraction_type",
    "fraction_parsing",
    "complex_type",
    "complex_str_parsing",
}
CONTEXT: dict[str, Any] = {
    "error": "inner words",
    "gt": 1,
    "ge": 1,
    "lt": 1,
    "le": 1,
    "multiple_of": 1,
    "field_type": "Tuple",
    "min_length": 1,
    "max_length": 1,
    "actual_length": 1,
    "pattern": "^a$",
    "expected": "'a' or 'b'",
    "encoding": "utf-8",
    "encoding_error": "inner words",
    "method_name": "f",
    "class_name": "C",
    "class": "C",
    "attribute": "a",
    "max_digits": 1,
    "decimal_places": 1,
    "whole_digits": 1,
    "discriminator": "kind",
    "tag": "x",
    "expected_tags": "'a', 'b'",
    "expected_schemes": "'https'",
    "expected_version": 7,
    "tz_expected": 1,
    "tz_actual": 2,
}
JARGON = re.compile(
    r"tuple|frozenset|dict|input|python|pydantic|valid (string|integer|boolean|list)|instance"
    r"|object to extract|discriminator|unable to|inner words|UUID|\bint\b|\bstr\b|attribute|[{}]",
    re.IGNORECASE,
)
KINDS = [kind for kind in get_args(ErrorType) if kind not in IMPOSSIBLE]


def message(kind: Any) -> str:
    return PydanticKnownError(kind, CONTEXT).message()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mistake_has_plain_words(kind: str) -> None:
    told = wording.detail(kind, message(kind), CONTEXT)

    assert kind in (*wording.WORDS, *wording.OURS)
    if kind not in wording.OURS:
        assert told != wording.OTHERWISE
        assert not JARGON.search(told), told


@pytest.mark.parametrize("kind", [each for each in wording.WORDS if each in KINDS])
def test_the_numbers_that_words_name_are_given_as_numbers(kind: str) -> None:
    context = {**CONTEXT, "max_length": 200}
    told = wording.detail(kind, message(kind), context)
    named = re.findall(r"(?:than|at least|at most|multiple of|version) (\d+)", told)

    assert wording.limits(kind, context) == tuple(map(int, named))


def test_a_bound_that_is_no_number_is_none() -> None:
    assert wording.limits("greater_than", {"gt": timedelta()}) == ()
    assert wording.limits("value_error", {"error": "1 to 5"}) == ()


def test_what_a_validator_of_ours_says_is_told_as_it_is() -> None:
    assert wording.detail("value_error", "Value error, no, not so", {}) == "no, not so"


@pytest.mark.parametrize(("kind", "context"), [("of_tomorrow", {}), ("greater_than", {})])
def test_what_has_no_words_is_told_without_any_of_python(kind: str, context: Any) -> None:
    assert wording.detail(kind, "Input should be a valid tuple", context) == wording.OTHERWISE
