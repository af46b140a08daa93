"""The schemas of the operators' kinds: how they are cut down, and what does not fit them.

Strict, as the server is when told to: a field that the schema does not name is a fault.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent
KEPT = ("type", "enum", "required", "pattern", "minimum", "maximum", "maxLength", "minLength")
PRESERVES = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
ALWAYS = ("apiVersion", "kind", "metadata")  # the server's own business


def schema_of(manifest: Json) -> Json | None:
    """Return the schema of an operator's kind; None if it is none of theirs."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    path = FOLDER / f"{group}_{version}_{manifest['kind']}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def faults(manifest: Json, schema: Json) -> Iterator[str]:
    """Yield what does not fit, each with its path."""
    own = {name: value for name, value in manifest.items() if name not in ALWAYS}
    yield from _faults(own, schema, manifest["kind"])


def _faults(value: Any, schema: Json, path: str) -> Iterator[str]:
    if schema.get("cut"):
        yield f"{path}: its schema is cut there; make it again"
    elif not _is_of_type(value, schema):
        yield f"{path}: {value!r} is no {schema['type']}"
    elif isinstance(value, dict):
        yield from _faults_of_fields(value, schema, path)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _faults(each, schema["items"], f"{path}[{number}]")
    else:
        yield from _faults_of_value(value, schema, path)


def _faults_of_value(value: Any, schema: Json, path: str) -> Iterator[str]:
    if value not in schema.get("enum", [value]):
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], str(value)):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"


def _is_of_type(value: Any, schema: Json) -> bool:
    if schema.get(INT_OR_STRING):
        return isinstance(value, int | str)
    wanted = TYPES.get(schema.get("type", ""), object)
    return isinstance(value, wanted) and (isinstance(value, bool) <= (wanted in (bool, object)))


def _faults_of_fields(value: Json, schema: Json, path: str) -> Iterator[str]:
    fields, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (
        f"{path}.{name}: it is missing" for name in schema.get("required", ()) if name not in value
    )
    for name, each in value.items():
        if name in fields:
            yield from _faults(each, fields[name], f"{path}.{name}")
        elif isinstance(others, dict):
            yield from _faults(each, others, f"{path}.{name}")
        elif not (schema.get(PRESERVES) or others):
            yield f"{path}.{name}: there is no such field"


def cut(schema: Json, used: Iterable[Any]) -> Json:
    """Return of a schema what the values `used` have; all fields keep their names."""
    values = [each for each in used if each is not None]
    if not values:
        return {"type": schema.get("type", "object"), "cut": True}
    kept: Json = {
        name: schema[name] for name in (*KEPT, PRESERVES, INT_OR_STRING) if name in schema
    }
    if "properties" in schema:
        kept["properties"] = {
            name: cut(each, [value.get(name) for value in values])
            for name, each in schema["properties"].items()
        }
    if isinstance(others := schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = cut(
            others, [each for value in values for each in value.values()]
        )
    if "items" in schema:
        kept["items"] = cut(schema["items"], [each for value in values for each in value])
    return kept
