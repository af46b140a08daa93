"""The documents in `docs/openapi/`: what they say is what is answered."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pytest import MonkeyPatch  # noqa: PT013 - for its type

from deploy import openapi
from deploy.env_example import SERVICES
from services.catalog.domain.mailing_state import Status
from services.catalog.domain.plan import settled
from services.catalog.domain.profile import checked
from services.catalog.routes.clients import NewClient, changes_from
from services.catalog.routes.mailing_bodies import NewMailing, plan_from
from shared.errors import Conflict, Error, Invalid, NotFound

Json: TypeAlias = dict[str, Any]

# What their bodies name may not be there.
NAMING = {"/v1/reconcile", "/v1/mailings/preview", "/v1/test-sends"}


make_document = openapi.document


@cache  # made when a test asks for it: all workers collect, and one runs these tests
def document(service: str) -> Json:
    return make_document(service)


@pytest.fixture(autouse=True)
def _made_once(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "document", document)


def operations(service: str) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document(service)["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def problems(service: str, operation: Json) -> dict[str, set[str]]:
    """Return the types of problems by status."""
    shared = document(service)["components"]["responses"]
    found = {}
    for status, response in operation["responses"].items():
        if status >= "400":
            content = shared[response["$ref"].rpartition("/")[2]]["content"]
            assert list(content) == ["application/problem+json"]
            found[status] = set(content["application/problem+json"]["examples"])
    return found


def refusals(kind: type[Error]) -> Iterator[type[Error]]:
    yield kind
    for each in kind.__subclasses__():
        yield from refusals(each)


def test_the_documents_that_are_committed_are_what_the_code_says() -> None:
    assert openapi.differences() == []


def test_a_document_that_is_another_is_found_and_named(tmp_path: Path) -> None:
    openapi.write(tmp_path, is_breaking=False)
    stats = json.loads((tmp_path / "stats.json").read_text())
    stats["paths"]["/v1/gone"] = stats["paths"]["/v1/totals"]
    (tmp_path / "stats.json").write_text(openapi.text(stats))

    assert openapi.differences(tmp_path) == [
        "stats: GET /v1/gone: it is gone",
        "stats.json is not what the code says: run python -m deploy.openapi",
    ]


def test_what_would_break_clients_is_written_only_on_purpose(tmp_path: Path) -> None:
    openapi.write(tmp_path, is_breaking=False)
    stats = json.loads((tmp_path / "stats.json").read_text())
    stats["paths"]["/v1/gone"] = stats["paths"]["/v1/totals"]
    (tmp_path / "stats.json").write_text(openapi.text(stats))

    refused = openapi.write(tmp_path, is_breaking=False)
    assert refused[0] == "stats: GET /v1/gone: it is gone"
    assert "--breaking" in refused[-1]
    assert openapi.differences(tmp_path) != []
    assert openapi.write(tmp_path, is_breaking=True) == []
    assert openapi.differences(tmp_path) == []


def test_the_check_fails_when_a_document_is_missing(
    tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setattr(openapi.differences, "__defaults__", (tmp_path,))
    monkeypatch.setattr("sys.argv", ["openapi", "--check"])

    with pytest.raises(SystemExit):
        openapi.main()


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_a_name_that_was_chosen(service: str) -> None:
    names = [operation["operationId"] for _, _, operation in operations(service)]

    assert len(set(names)) == len(names)
    assert not [name for name in names if "_v1_" in name or name.endswith(("_get", "_post"))]


@pytest.mark.parametrize("service", SERVICES)
def test_problem_details_are_the_only_shape_of_an_error(service: str) -> None:
    text = json.dumps(document(service))

    assert "HTTPValidationError" not in text
    for path, method, operation in operations(service):
        found = problems(service, operation)
        if not path.startswith("/v1"):
            continue
        assert {"403", "421", "422", "500", "503"} <= set(found)
        names_one = "{" in path and method != "put"  # that makes what is not there
        assert ("404" in found) == (names_one or path in NAMING)
        has_body = "requestBody" in operation
        assert ({"408", "413", "415"} <= set(found)) == has_body, (method, path)


@pytest.mark.parametrize("service", SERVICES)
def test_every_refusal_of_a_service_is_named_by_an_operation(service: str) -> None:
    import_module(f"services.{service}.app")
    own = {
        kind.__name__
        for base in (Invalid, Conflict, NotFound)
        for kind in refusals(base)
        if kind.__module__.startswith(f"services.{service}.")
    }
    named = {
        name
        for _, _, operation in operations(service)
        for names in problems(service, operation).values()
        for name in names
    }

    assert own - named - {"RebuildAlreadyRunning"} == set()  # that one is a command's


def has_tag(service: str, path: str) -> bool:
    """Say whether what a path is about is shown with an entity tag, and may be changed there."""
    if path.endswith(("/preview", "/test")):
        return False
    of_one = document(service)["paths"].get(f"{path.partition('}')[0]}}}", {})
    read = of_one.get("get", {}).get("responses", {}).get("200", {})
    return "ETag" in read.get("headers", {})


@pytest.mark.parametrize("service", SERVICES)
def test_an_entity_tag_is_expected_where_there_is_one(service: str) -> None:
    for path, method, operation in operations(service):
        names = {each["name"] for each in operation.get("parameters", ())}
        success = next(iter(operation["responses"]))
        tagged = "ETag" in operation["responses"][success].get("headers", {})
        is_creation = "201" in operation["responses"]
        assert ("If-Match" in names) == (method != "get" and has_tag(service, path))
        assert ("412" in operation["responses"]) == ("If-Match" in names)
        assert ("If-None-Match" in names) == (method == "get" and tagged)
        assert ("304" in operation["responses"]) == ("If-None-Match" in names)
        located = "Location" in operation["responses"][success].get("headers", {})
        assert located == is_creation


def test_a_change_is_a_merge_patch() -> None:
    for path in ("/v1/clients/{client_id}", "/v1/mailings/{mailing_id}"):
        content = document("catalog")["paths"][path]["patch"]["requestBody"]["content"]
        assert set(content) == {"application/json", "application/merge-patch+json"}


def test_only_statuses_that_are_shown_can_be_asked_for() -> None:
    statuses = document("catalog")["components"]["schemas"]["MailingStatus"]["enum"]

    assert set(statuses) == {*Status} - {Status.ABSENT, Status.DELETED}


@pytest.mark.parametrize("service", SERVICES)
def test_pages_are_named_by_what_they_have(service: str) -> None:
    schemas = document(service)["components"]["schemas"]

    assert all(name.isidentifier() and "_" not in name for name in schemas), list(schemas)


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_says_where_the_service_is(service: str) -> None:
    urls = [server["url"] for server in document(service)["servers"]]

    assert urls[0] == "/"
    assert urls[1].startswith("http://127.0.0.1:800")


def objects(service: str) -> Iterator[tuple[str, Json]]:
    for name, schema in document(service)["components"]["schemas"].items():
        if schema.get("type") == "object":
            yield name, schema


@pytest.mark.parametrize("service", SERVICES)
def test_every_object_has_an_example_with_all_its_fields(service: str) -> None:
    for name, schema in objects(service):
        [example] = schema["examples"]
        assert set(example) == set(schema.get("properties", {})), name
        for field in schema.get("required", ()):
            alternatives = schema["properties"][field].get("anyOf", [{}])
            is_nullable = {"type": "null"} in alternatives
            assert example[field] is not None or is_nullable, (name, field)


def test_the_examples_are_what_the_rules_take() -> None:
    schemas = document("catalog")["components"]["schemas"]
    now = datetime(2026, 2, 1, tzinfo=UTC)
    client = NewClient.model_validate(schemas["NewClient"]["examples"][0])
    mailing = NewMailing.model_validate(schemas["NewMailing"]["examples"][0])

    assert checked(changes_from(client)).phone == "79161234567"
    settled(plan_from(mailing, {}), now)


# Lint: what a generator of clients, or a fuzzer, needs to know


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_is_valid_as_openapi_says(service: str) -> None:
    errors = [error.message for error in OpenAPIV31SpecValidator(document(service)).iter_errors()]

    assert errors == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_says_what_it_does_and_where_it_belongs(service: str) -> None:
    for path, method, operation in operations(service):
        where = (method, path)
        assert len(operation["tags"]) == 1, where
        assert operation["summary"].endswith(tuple("abcdefghijklmnopqrstuvwxyz")), where
        assert operation["description"].partition("\n")[0].rstrip().endswith((".", ":")), where
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), where
        named = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), where
        own = [each for each in operation["responses"].values() if "$ref" not in each]
        assert all(each["description"] for each in own), where


@pytest.mark.parametrize("service", SERVICES)
def test_every_problem_has_an_example_of_each_of_its_types(service: str) -> None:
    for name, response in document(service)["components"]["responses"].items():
        shown = response["content"]["application/problem+json"]["examples"]
        assert shown, name
        for kind, example in shown.items():
            assert example["value"]["type"] == kind
            assert example["value"]["title"]


OF_TEXT = ("maxLength", "enum", "const", "format", "pattern")


def parts(schema: Json, where: str) -> Iterator[tuple[str, Json]]:
    """Yield the schemas within a schema; what limits alternatives stands around them."""
    around = {key: schema[key] for key in (*OF_TEXT, "maxItems") if key in schema}
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield where, around | each
    if "items" in schema:
        yield where, schema["items"]
    for name, each in schema.get("properties", {}).items():
        yield f"{where}.{name}", each
    if isinstance(values := schema.get("additionalProperties"), dict):
        yield f"{where}.*", values


def unbounded(schemas: Json, schema: Json, where: str, seen: set[str]) -> Iterator[str]:
    """Yield what may be sent in any length."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in seen:
            return
        seen.add(name)
        schema, where = schemas[name], name
    if schema.get("type") == "string" and not any(key in schema for key in OF_TEXT):
        yield where
    if schema.get("type") == "array" and "maxItems" not in schema:
        yield f"{where}[]"
    for inner_where, inner in parts(schema, where):
        yield from unbounded(schemas, inner, inner_where, seen)


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_sent_has_a_limit_that_is_declared(service: str) -> None:
    schemas, seen, found = document(service)["components"]["schemas"], set[str](), list[str]()
    for _, _, operation in operations(service):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "header" and parameter["name"] != "cursor":
                where = f"{operation['operationId']}?{parameter['name']}"
                found += unbounded(schemas, parameter["schema"], where, seen)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            found += unbounded(schemas, body["schema"], operation["operationId"], seen)

    assert found == []
