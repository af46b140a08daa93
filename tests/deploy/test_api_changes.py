"""What breaks those who use an API is named, and what does not is not."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import pytest

from deploy.api_changes import breaking

Json: TypeAlias = dict[str, Any]

THING = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 9}, "size": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
VIEW = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"enum": ["new", "old"], "type": "string"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["id", "state", "note"],
}
DOCUMENT: Json = {
    "paths": {
        "/things": {
            "post": {
                "operationId": "add_thing",
                "parameters": [
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "maximum": 9, "minimum": 1},
                    },
                ],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}
                    },
                },
                "responses": {
                    "201": {
                        "headers": {"ETag": {}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/View"}}
                        },
                    },
                    "404": {},
                },
            }
        }
    },
    "components": {"schemas": {"Thing": THING, "View": VIEW}},
}


def operation(document: Json) -> Json:
    found: Json = document["paths"]["/things"]["post"]
    return found


def thing(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Thing"]
    return found


def view(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["View"]
    return found


BREAKS: dict[str, Callable[[Json], object]] = {
    "a path": lambda d: d["paths"].pop("/things"),
    "an operation": lambda d: d["paths"]["/things"].pop("post"),
    "an operation's name": lambda d: operation(d).update(operationId="create_thing"),
    "a schema's name": lambda d: (
        d["components"]["schemas"].update(Sight=d["components"]["schemas"].pop("View"))
        or operation(d)["responses"]["201"]["content"]["application/json"].update(
            schema={"$ref": "#/components/schemas/Sight"}
        )
    ),
    "a parameter": lambda d: operation(d)["parameters"].pop(0),
    "a parameter that is required now": lambda d: operation(d)["parameters"][0].update(
        required=True
    ),
    "a new parameter that is required": lambda d: operation(d)["parameters"].append(
        {"name": "new", "in": "query", "required": True, "schema": {}}
    ),
    "a parameter's type": lambda d: operation(d)["parameters"][0]["schema"].update(type="string"),
    "a parameter's maximum": lambda d: operation(d)["parameters"][1]["schema"].update(maximum=8),
    "a parameter's minimum": lambda d: operation(d)["parameters"][1]["schema"].update(minimum=2),
    "a body": lambda d: operation(d).pop("requestBody"),
    "a body that is required now": lambda d: operation(d)["requestBody"].update(required=True),
    "a body's type": lambda d: operation(d)["requestBody"].update(
        content={"text/csv": {"schema": {}}}
    ),
    "a field of a body": lambda d: thing(d)["properties"].pop("size"),
    "a field that is required now": lambda d: thing(d)["required"].append("size"),
    "a shorter text": lambda d: thing(d)["properties"]["name"].update(maxLength=8),
    "a pattern": lambda d: thing(d)["properties"]["name"].update(pattern="a"),
    "a status": lambda d: operation(d)["responses"].pop("201"),
    "a header": lambda d: operation(d)["responses"]["201"].pop("headers"),
    "a field of an answer": lambda d: (
        view(d)["properties"].pop("id") or view(d)["required"].remove("id")
    ),
    "a field that may be missing": lambda d: view(d)["required"].remove("id"),
    "a field that may be null": lambda d: view(d)["properties"].update(
        id={"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}
    ),
    "a value that nobody knew": lambda d: view(d)["properties"]["state"]["enum"].append("odd"),
    "an answer's format": lambda d: view(d)["properties"]["id"].pop("format"),
}
KEEPS: dict[str, Callable[[Json], object]] = {
    "nothing": lambda _: None,
    "a new path": lambda d: d["paths"].update({"/others": {}}),
    "a new parameter": lambda d: operation(d)["parameters"].append(
        {"name": "new", "in": "query", "schema": {}}
    ),
    "a parameter that takes more": lambda d: operation(d)["parameters"][1]["schema"].update(
        maximum=10
    ),
    "a new field of a body": lambda d: thing(d)["properties"].update(new={"type": "string"}),
    "a field that is optional now": lambda d: thing(d)["required"].remove("name"),
    "a longer text": lambda d: thing(d)["properties"]["name"].update(maxLength=10),
    "a new field of an answer": lambda d: view(d)["properties"].update(new={"type": "string"}),
    "a value less in an answer": lambda d: view(d)["properties"]["state"]["enum"].pop(),
    "a field that is never null now": lambda d: view(d)["properties"].update(
        note={"type": "string"}
    ),
    "another refusal": lambda d: operation(d)["responses"].pop("404"),
    "another description": lambda d: operation(d).update(description="new"),
}


def changed(change: Callable[[Json], object]) -> Json:
    document = deepcopy(DOCUMENT)
    change(document)
    return document


@pytest.mark.parametrize("name", BREAKS)
def test_a_change_that_breaks_clients_is_named(name: str) -> None:
    assert breaking(DOCUMENT, changed(BREAKS[name])), name


@pytest.mark.parametrize("name", KEEPS)
def test_a_change_that_clients_do_not_notice_is_none(name: str) -> None:
    assert breaking(DOCUMENT, changed(KEEPS[name])) == []


def test_a_schema_that_holds_itself_is_compared_to_its_end() -> None:
    reference = operation(DOCUMENT)["requestBody"]["content"]["application/json"]["schema"]
    nested = deepcopy(DOCUMENT)
    thing(nested)["properties"]["inner"] = {"anyOf": [reference, {"type": "null"}]}
    other = deepcopy(nested)
    thing(other)["properties"].pop("size")

    assert breaking(nested, nested) == []
    assert breaking(nested, other)
