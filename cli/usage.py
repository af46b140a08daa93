"""What was typed wrongly is refused in plain words; the library behind options has its own."""

from typing import Any, cast

import typer
from typer.core import TyperGroup

# By pydantic's type of an error. Source: pydantic_core.core_schema.ErrorType.
WORDS = {
    "value_error": "{error}",
    "int_parsing": "a whole number is needed",
    "int_parsing_size": "the number is too large",
    "float_parsing": "a number is needed",
    "finite_number": "a finite number is needed",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "greater_than": "it must be greater than {gt}",
    "less_than": "it must be less than {lt}",
}


class Commands(TyperGroup):
    """All commands, which refuse what was typed wrongly in words of ours."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - the library's type is private
        """Run the command that was typed.

        Raises:
            typer.BadParameter: A value is wrong.
        """
        try:
            return cast("object", super().invoke(ctx))
        except typer.BadParameter as refusal:
            refusal.message = plain(refusal)
            raise


def plain(refusal: typer.BadParameter) -> str:
    """Return why a value was refused, without the words of the library that has read it."""
    errors = getattr(refusal.__cause__, "errors", None)
    if errors is None:
        return refusal.message
    first = errors()[0]
    words = WORDS.get(first["type"], refusal.message)
    return words.format_map(first.get("ctx", {}))
