"""The statement: a filter as SQL about a table of clients, the same in every service.

The table has the columns `client_id`, `phone`, `email`, `operator_code`, `tags` and `time_zone`,
and an index of `tags` and `ARRAY[operator_code]`.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from shared.contracts.audience import Condition, unpacked
from shared.contracts.catalog import Filter
from shared.schedule import canonical_zone, zone_names

# What nearly all filters are is one text, whatever they name: it is prepared once.
FLAT = """
    (cardinality(CAST(:codes AS text[])) = 0 OR operator_code = ANY(CAST(:codes AS text[])))
        AND (cardinality(CAST(:tags AS text[])) = 0 OR tags && CAST(:tags AS text[]))
"""
HAS_TAG = "tags && CAST(:tags AS text[])"
HAS_CODE = "ARRAY[operator_code] && CAST(:codes AS text[])"  # as the index has it


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a filter selects: the condition, and what its parameters are."""

    where: str
    values: dict[str, Any]
    indexed: str | None  # what follows from it and has an index; None: nothing that follows has


def selection(wanted: Filter) -> Selection:
    """Return whom a filter selects."""
    given = _Values({"codes": list(wanted.operator_codes), "tags": list(wanted.tags)})
    parts, indexed = [FLAT], []
    if wanted.tags:
        indexed.append(HAS_TAG)
    if wanted.operator_codes:
        indexed.append(HAS_CODE)
    if wanted.include is not None:  # so that no index is taken for it but where we say
        parts.append(f"{_condition(wanted.include, given)} IS TRUE")
        indexed += _indexed(wanted.include, given)
    if wanted.exclude is not None:
        parts.append(f"{_condition(wanted.exclude, given)} IS NOT TRUE")
    return Selection(" AND ".join(parts), given.values, " AND ".join(indexed) or None)


@dataclass(slots=True)
class _Values:
    """Values of parameters, each under a name of its own."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, value: object, kind: str = "text") -> str:
        """Return SQL for an array that is a parameter."""
        name = f"filter_{len(self.values)}"
        self.values[name] = value
        return f"CAST(:{name} AS {kind}[])"


def _condition(condition: Condition, given: _Values) -> str:
    """Return SQL that is true for clients of a condition, else false or null."""
    parts = [
        sql.format(given.add(list(value)))
        for sql, value in (
            ("operator_code = ANY({})", condition.operator_codes),
            ("tags && {}", condition.tags),
            ("tags @> {}", condition.all_tags),
            ("NOT tags && {}", condition.no_tags),
            ("time_zone = ANY({})", _all_names(condition.time_zones)),
        )
        if value is not None
    ]
    if condition.client_ids is not None:
        parts.append(f"client_id = ANY({given.add(unpacked(condition.client_ids), 'uuid')})")
    for column, has in (("phone", condition.has_phone), ("email", condition.has_email)):
        if has is not None:
            parts.append(f"{column} IS {'NOT ' if has else ''}NULL")
    parts += [_condition(each, given) for each in condition.and_ or ()]
    if condition.or_ is not None:
        ways = [_condition(each, given) for each in condition.or_]
        parts.append(f"({' OR '.join(ways) or 'false'})")
    if condition.not_ is not None:
        parts.append(f"{_condition(condition.not_, given)} IS NOT TRUE")
    return f"({' AND '.join(parts) or 'true'})"


def _indexed(condition: Condition, given: _Values) -> list[str]:
    """Return what is true for all clients of a condition and has an index."""
    parts = [
        sql.format(given.add(list(value)))
        for sql, value in (
            ("ARRAY[operator_code] && {}", condition.operator_codes),
            ("tags && {}", condition.tags),
            ("tags @> {}", condition.all_tags),
        )
        if value is not None
    ]
    if condition.client_ids is not None:
        parts.append(f"client_id = ANY({given.add(unpacked(condition.client_ids), 'uuid')})")
    for each in condition.and_ or ():
        parts += _indexed(each, given)
    ways = [" AND ".join(_indexed(each, given)) for each in condition.or_ or ()]
    if ways and all(ways):
        parts.append(f"({' OR '.join(f'({way})' for way in ways)})")
    return parts


def _all_names(zones: tuple[str, ...] | None) -> list[str] | None:
    """Return all names under which clients may have these zones."""
    if zones is None:
        return None
    wanted = {_names()[1].get(each, each) for each in zones}
    return sorted(wanted | {each for zone in wanted for each in _names()[0].get(zone, ())})


@cache
def _names() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the names of each zone by today's name, and today's name by each."""
    today = {name: canonical_zone(name) for name in zone_names()}
    names: dict[str, list[str]] = {}
    for name, zone in today.items():
        names.setdefault(zone, []).append(name)
    return names, today
