"""A filter: whom it may name, and what is no client at all."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from services.catalog.domain.profile import OPERATOR_CODE, TAG_LIMIT, is_tag
from shared.audience import conditions_of, mistakes
from shared.contracts.audience import Condition
from shared.contracts.catalog import Filter
from shared.errors import FieldError


def patched_filter(wanted: Filter, parts: Mapping[str, Any]) -> Filter:
    """Return a filter with `parts` of it changed; None: it doesn't restrict any more."""
    defaults = Filter()
    given = {
        name: getattr(defaults, name) if value is None else value for name, value in parts.items()
    }
    return replace(wanted, **given)


def in_filter(wanted: Filter, pointer: str) -> list[FieldError]:
    """Return what no client could have, and what is wrong with the shape of a filter."""
    found = [*_in_values(wanted, pointer), *mistakes(wanted, pointer)]
    for where, _, condition in conditions_of(wanted, pointer):
        found += _in_values(condition, where)
    return found


def _in_values(named: Filter | Condition, pointer: str) -> Iterator[FieldError]:
    for number, code in enumerate(named.operator_codes or ()):
        if not OPERATOR_CODE.fullmatch(code):
            where = f"{pointer}/operator_codes/{number}"
            yield FieldError(where, "operator_code", "three digits, as in 916")
    for name in ("tags", "all_tags", "no_tags"):
        for number, tag in enumerate(getattr(named, name, None) or ()):
            if not is_tag(tag):
                where = f"{pointer}/{name}/{number}"
                yield FieldError(where, "tags", f"1 to {TAG_LIMIT} characters", (1, TAG_LIMIT))
