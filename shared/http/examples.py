"""The examples of the OpenAPI document: one of each object, made of what its fields are.

A field's own example wins; a name that is used all over has the same one everywhere.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
BY_FORMAT: Mapping[str, object] = {"uuid": UUID, "date-time": "2026-03-01T09:00:00Z"}
BY_TYPE: Mapping[str, object] = {
    "string": "text",
    "integer": 1,
    "number": 0.5,
    "boolean": True,
    "null": None,
}
BY_NAME: Mapping[str, object] = {
    "answer": '{"id": "a1"}',
    "body": "Hello {{ full_name }}",
    "column": "phone",
    "comment": "Calls back in the evening",
    "email": "anna@example.com",
    "ends_at": "2026-03-01T18:00:00Z",
    "failure_reason": None,
    "full_name": "Anna Ivanova",
    "html": None,
    "gateway": "http",
    "gateway_message_id": "a1",
    "kind": "answer",
    "max_attempts": None,
    "message_class": "marketing",
    "message_id": "AYkKXayWd0u8zrMCCZqAVwGJCl2slndLvM6zAgmagFc",
    "missed_reason": None,
    "name": "Spring",
    "next_cursor": None,
    "nominal": "once",
    "on_unknown": None,
    "operator_code": "916",
    "operator_codes": ["916"],
    "phone": "79161234567",
    "reason": "timeout",
    "sender": None,
    "state": "finished",
    "status": "completed",
    "status_code": 200,
    "subject": "News",
    "tags": ["vip"],
    "time_zone": "Europe/Moscow",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}


def add_examples(schemas: Mapping[str, Json]) -> None:
    """Give each object among `schemas` an example."""
    made = {
        name: _example(schema, schemas)
        for name, schema in schemas.items()
        if schema.get("type") == "object" and "examples" not in schema
    }
    for name, found in made.items():
        schemas[name]["examples"] = [found]


def _example(schema: Json, schemas: Mapping[str, Json], name: str = "") -> object:
    """Return an example of a value, of the field `name` if it is one."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "const" in schema:
        return schema["const"]
    if name in BY_NAME and "enum" not in schema and _allows(schema, BY_NAME[name]):
        return schema.get("examples", [BY_NAME[name]])[0]
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas, name)
    return _of_type(schema, schemas, name)


def _of_type(schema: Json, schemas: Mapping[str, Json], name: str) -> object:
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {field: _example(inner, schemas, field) for field, inner in fields.items()}
        case "array":
            return [_example(schema["items"], schemas, name)]
        case kind:
            return BY_FORMAT.get(schema.get("format", ""), BY_TYPE.get(str(kind)))


def _allows(schema: Json, value: object) -> bool:
    """Return whether a name's example has the field's type: names are used for more than one."""
    types = {each.get("type") for each in schema.get("anyOf", [schema])}
    match value:
        case None:
            return "null" in types
        case str():
            return "string" in types
        case int():
            return "integer" in types
        case _:
            items = [each.get("items", {}) for each in schema.get("anyOf", [schema])]
            return any(each.get("type") == "string" for each in items)
