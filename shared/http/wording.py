"""The words for what pydantic finds wrong: of JSON, not of Python, and never the value itself."""

from collections.abc import Mapping
from string import Formatter
from typing import Any

OTHERWISE = "it is not valid"

# By pydantic's type of an error; `{…}` stands for what the error's context has of that name.
# Source: pydantic_core.core_schema.ErrorType.
WORDS: Mapping[str, str] = {
    "json_invalid": "it is not valid JSON",
    "json_type": "a text with JSON is needed",
    "recursion_loop": "it contains itself",
    "recursion_depth_exceeded": "it goes too deep",
    "missing": "it is missing",
    "extra_forbidden": "no such field",
    "invalid_key": "a field's name must be a text",
    "model_type": "a JSON object is needed",
    "model_attributes_type": "a JSON object is needed",
    "dataclass_type": "a JSON object is needed",
    "dict_type": "a JSON object is needed",
    "mapping_type": "a JSON object is needed",
    "none_required": "null is needed",
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "multiple_of": "it must be a multiple of {multiple_of}",
    "finite_number": "a finite number is needed",
    "too_short": "at least {min_length} are needed",
    "too_long": "at most {max_length} are allowed",
    "iterable_type": "a list is needed",
    "list_type": "a list is needed",
    "tuple_type": "a list is needed",
    "deque_type": "a list is needed",
    "set_type": "a list is needed",
    "frozen_set_type": "a list is needed",
    "string_type": "a text is needed",
    "string_sub_type": "a text is needed",
    "string_unicode": "it is not valid UTF-8",
    "string_too_short": "at least {min_length} characters are needed",
    "string_too_long": "at most {max_length} characters are allowed",
    "string_pattern_mismatch": "it does not have the form that is needed",
    "string_not_ascii": "only ASCII characters are allowed",
    "enum": "it must be one of {expected}",
    "literal_error": "it must be one of {expected}",
    "bool_type": "true or false is needed",
    "bool_parsing": "true or false is needed",
    "int_type": "a whole number is needed",
    "int_parsing": "a whole number is needed",
    "int_parsing_size": "the number is too large",
    "int_from_float": "a whole number is needed",
    "float_type": "a number is needed",
    "float_parsing": "a number is needed",
    "decimal_type": "a number is needed",
    "decimal_parsing": "a number is needed",
    "decimal_max_digits": "at most {max_digits} digits are allowed",
    "decimal_max_places": "at most {decimal_places} decimal places are allowed",
    "decimal_whole_digits": "at most {whole_digits} digits before the point are allowed",
    "bytes_type": "a text is needed",
    "bytes_too_short": "at least {min_length} bytes are needed",
    "bytes_too_long": "at most {max_length} bytes are allowed",
    "bytes_invalid_encoding": "it is not valid {encoding}",
    "date_type": "a date is needed, as in 2026-01-31",
    "date_parsing": "a date is needed, as in 2026-01-31",
    "date_from_datetime_parsing": "a date is needed, as in 2026-01-31",
    "date_from_datetime_inexact": "a date without a time is needed, as in 2026-01-31",
    "date_past": "it must be in the past",
    "date_future": "it must be in the future",
    "time_type": "a time is needed, as in 12:30:00",
    "time_parsing": "a time is needed, as in 12:30:00",
    "datetime_type": "a date-time is needed, as in 2026-01-31T12:00:00Z",
    "datetime_parsing": "a date-time is needed, as in 2026-01-31T12:00:00Z",
    "datetime_object_invalid": "a date-time is needed, as in 2026-01-31T12:00:00Z",
    "datetime_from_date_parsing": "a date-time is needed, as in 2026-01-31T12:00:00Z",
    "datetime_past": "it must be in the past",
    "datetime_future": "it must be in the future",
    "timezone_naive": "it must not have an offset",
    "timezone_aware": "the offset is missing: end it with Z or +03:00",
    "timezone_offset": "it has another offset than is needed",
    "time_delta_type": "a duration is needed, as in PT15S",
    "time_delta_parsing": "a duration is needed, as in PT15S",
    "union_tag_invalid": "it must be one of {expected_tags}",
    "union_tag_not_found": "the field {discriminator} is missing",
    "url_type": "an address is needed, as in https://example.com",
    "url_parsing": "an address is needed, as in https://example.com",
    "url_syntax_violation": "an address is needed, as in https://example.com",
    "url_too_long": "an address has at most {max_length} characters",
    "url_scheme": "the address must begin with {expected_schemes}",
    "uuid_type": "an identifier is needed, as in 01890a5d-ac96-774b-bcce-b302099a8057",
    "uuid_parsing": "an identifier is needed, as in 01890a5d-ac96-774b-bcce-b302099a8057",
    "uuid_version": "an identifier of version {expected_version} is needed",
}

# What a validator of ours says is written for people already.
OURS = ("value_error", "assertion_error")


def detail(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Return what is wrong in plain words, from a pydantic error's type, message and context."""
    if kind in OURS:
        return message.partition(", ")[2] or OTHERWISE
    try:
        return WORDS[kind].format_map(context)
    except KeyError:
        return OTHERWISE


def limits(kind: str, context: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the numbers that the words of a pydantic error name, in their order."""
    named = [context.get(name) for _, name, _, _ in Formatter().parse(WORDS.get(kind, "")) if name]
    return tuple(each for each in named if isinstance(each, int | float))
