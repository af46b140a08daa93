"""Groups of options: declared once, as the fields of a class, and taken by any number of commands.

    @app.command("preview")
    @grouped
    def preview(*, whom: FilterOptions, limit: int = 20) -> None: ...

has an option for each field of `FilterOptions`, and `--limit`.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the options of its groups, each by its own name."""
    groups: dict[str, Any] = {}
    parameters: list[Parameter] = []
    for each in signature(command, eval_str=True).parameters.values():
        if is_dataclass(each.annotation):
            groups[each.name] = each.annotation
            parameters += _options(each.annotation)
        else:
            parameters.append(each)

    @wraps(command)
    def typed(**given: Any) -> None:  # noqa: ANN401 - what was typed
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        command(**given)

    own = signature(command)
    # What shows a command goes by these two.
    typed.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined] # `inspect` reads it
    typed.__annotations__ = {each.name: each.annotation for each in parameters}
    return typed


def _options(group: Any) -> list[Parameter]:  # noqa: ANN401 - a dataclass
    """Return the fields of a group as parameters."""
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name]
        )
        for each in fields(group)
    ]
