"""The model: whom a filter selects, in plain Python, of clients as they are written in JSON.

It reads a filter as people write it, and imports nothing of ours.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]

# Names of one zone each, as IANA has renamed them.
SAME = {
    "Europe/Kiev": "Europe/Kyiv",
    "Asia/Calcutta": "Asia/Kolkata",
    "US/Eastern": "America/New_York",
}


def selected(clients: Iterable[Json], wanted: Json) -> set[str]:
    """Return the identifiers of those whom a filter selects."""
    return {each["client_id"] for each in clients if is_selected(each, wanted)}


def one_of_each(clients: Iterable[Json], chosen: set[str], contact: str) -> set[str]:
    """Return of those with the same contact the one whose identifier is the smallest."""
    first: dict[str, str] = {}
    for each in sorted(clients, key=lambda each: str(each["client_id"])):
        if each["client_id"] in chosen:
            value = each[contact]
            first.setdefault(
                each["client_id"] if value is None else value.lower(), each["client_id"]
            )
    return set(first.values())


def is_selected(client: Json, wanted: Json) -> bool:
    """Return whether a filter selects a client."""
    codes, tags = wanted.get("operator_codes"), wanted.get("tags")
    if codes and client["operator_code"] not in codes:
        return False
    if tags and not set(client["tags"]) & set(tags):
        return False
    include, exclude = wanted.get("include"), wanted.get("exclude")
    if include is not None and not is_true(client, include):
        return False
    return exclude is None or not is_true(client, exclude)


def is_true(client: Json, condition: Json) -> bool:
    """Return whether a condition is true for a client."""
    named = [condition[name] for name in ("client_ids", "phones") if name in condition]
    if named and not any(
        client[each] in value for value in named for each in ("client_id", "phone")
    ):
        return False
    rest = {
        name: value for name, value in condition.items() if name not in ("client_ids", "phones")
    }
    return all(_is_so(client, name, value) for name, value in rest.items())


def _is_so(client: Json, name: str, value: Any) -> bool:  # noqa: C901, PLR0911 - as JSON has it
    match name:
        case "operator_codes":
            return client["operator_code"] in value
        case "tags":
            return any(tag in client["tags"] for tag in value)
        case "all_tags":
            return all(tag in client["tags"] for tag in value)
        case "no_tags":
            return not any(tag in client["tags"] for tag in value)
        case "time_zones":
            return _zone(client["time_zone"]) in {_zone(each) for each in value}
        case "has_phone":
            return bool(value) == (client["phone"] is not None)
        case "has_email":
            return bool(value) == (client["email"] is not None)
        case "and":
            return all(is_true(client, each) for each in value)
        case "or":
            return any(is_true(client, each) for each in value)
        case "not":
            return not is_true(client, value)
        case _:
            raise ValueError(name)


def _zone(name: str | None) -> str:
    return "" if name is None else SAME.get(name, name)
