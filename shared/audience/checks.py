"""Checks: what is wrong with a filter, and where."""

from collections.abc import Iterator

from msgspec.structs import replace

from shared.contracts.audience import ID_BYTES, Condition
from shared.contracts.catalog import Filter
from shared.errors import FieldError
from shared.schedule import canonical_zone, why_refused

DEPTH = 5  # of conditions within conditions, the outermost one counted
CONDITIONS = 100  # in a filter
IDS = 20_000  # in a filter: as an event has them they are less than half of what a record takes
VALUES = 1_000  # of one kind in a condition

LISTS = ("operator_codes", "tags", "all_tags", "no_tags", "time_zones")
STATED = (*LISTS, "client_ids", "has_phone", "has_email", "and_", "or_", "not_")


def conditions_of(wanted: Filter, pointer: str) -> Iterator[tuple[str, int, Condition]]:
    """Give each condition of a filter with its place and its depth, from 1."""
    for name in ("include", "exclude"):
        outermost = getattr(wanted, name)
        if outermost is not None:
            yield from _within(outermost, f"{pointer}/{name}", 1)


def _within(
    condition: Condition, pointer: str, depth: int
) -> Iterator[tuple[str, int, Condition]]:
    yield pointer, depth, condition
    if depth > DEPTH:
        return
    for name in ("and", "or"):
        for number, inner in enumerate(getattr(condition, f"{name}_") or ()):
            yield from _within(inner, f"{pointer}/{name}/{number}", depth + 1)
    if condition.not_ is not None:
        yield from _within(condition.not_, f"{pointer}/not", depth + 1)


def canonical(wanted: Filter) -> Filter:
    """Return a filter without mistakes, with its zones under today's names."""
    conditions = {
        name: _canonical(condition)
        for name in ("include", "exclude")
        if (condition := getattr(wanted, name)) is not None
    }
    return replace(wanted, **conditions) if conditions else wanted


def _canonical(condition: Condition) -> Condition:
    zones = condition.time_zones
    nested = {
        name: tuple(_canonical(each) for each in inner)
        for name in ("and_", "or_")
        if (inner := getattr(condition, name)) is not None
    }
    return replace(
        condition,
        time_zones=zones and tuple(dict.fromkeys(map(canonical_zone, zones))),
        not_=condition.not_ and _canonical(condition.not_),
        **nested,
    )


def ids_in(wanted: Filter) -> int:
    """Return how many identifiers of clients stand in a filter."""
    named = (each.client_ids or b"" for _, _, each in conditions_of(wanted, ""))
    return sum(map(len, named)) // ID_BYTES


def mistakes(wanted: Filter, pointer: str) -> list[FieldError]:
    """Return what is wrong with the shape of a filter that stands at `pointer`."""
    found = list(conditions_of(wanted, pointer))
    wrong = [each for where, depth, inner in found for each in _in(inner, where, depth)]
    if len(found) > CONDITIONS:
        wrong.append(
            FieldError(pointer, "too_many", f"at most {CONDITIONS} conditions", (CONDITIONS,))
        )
    if ids_in(wanted) > IDS:
        wrong.append(
            FieldError(pointer, "too_many", f"at most {IDS} clients by identifier", (IDS,))
        )
    return wrong


def _in(condition: Condition, pointer: str, depth: int) -> Iterator[FieldError]:
    if depth > DEPTH:
        yield FieldError(
            pointer, "too_deep", f"at most {DEPTH} conditions within each other", (DEPTH,)
        )
        return
    if all(getattr(condition, name) is None for name in STATED):
        yield FieldError(pointer, "required", "a condition states something")
    for name in (*LISTS, "and_", "or_"):
        given = getattr(condition, name)
        if given is not None and not 1 <= len(given) <= VALUES:
            place = f"{pointer}/{name.rstrip('_')}"
            yield FieldError(place, "length", f"1 to {VALUES}", (1, VALUES))
    for number, zone in enumerate(condition.time_zones or ()):
        if wrong := why_refused(zone):
            yield FieldError(f"{pointer}/time_zones/{number}", "time_zone", wrong)
