"""The OpenAPI document: what FastAPI derives from the routes, and what no signature has.

Every operation names the problems that it may be answered with, by status and type; reads of
what has an entity tag take If-None-Match, and a PATCH takes a merge patch by both its types.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from shared import errors
from shared.http import bearer, problems
from shared.http.examples import add_examples
from shared.http.problems import BROKEN, KINDS, FieldProblem, Problem, status_of

Json: TypeAlias = dict[str, Any]

SCHEMAS = "#/components/schemas/{model}"
MERGE_PATCH = "application/merge-patch+json"
TEXT: Json = {"type": "string"}
PAGE = re.compile(r"Page[_\[](\w+?)View[_\]]")

HEADERS: Mapping[str, Json] = {
    "ETag": {
        "description": "The version, for If-Match and If-None-Match.",
        "schema": TEXT,
        "example": '"1"',
    },
    "Location": {
        "description": "The path of what was created.",
        "schema": {**TEXT, "format": "uri-reference"},
    },
    bearer.CHALLENGE: {
        "description": "How to show who one is.",
        "schema": TEXT,
        "example": "Bearer",
    },
    "Retry-After": {
        "description": "Seconds after which the request may be repeated.",
        "schema": {"type": "integer"},
        "example": errors.Unavailable.retry_after_s,
    },
}
# Where a service has a token, all but the probes want it; elsewhere nobody has to show one.
SECURITY: Json = {
    "token": {
        "type": "http",
        "scheme": bearer.SCHEME,
        "description": "What the setting …_API_TOKEN of the service has, if there is one.",
    }
}
IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Versions that the client has; if the current one is among them, only 304.",
    "schema": TEXT,
    "example": '"1"',
}

# What may happen to every request, whatever it is about.
ANYWHERE = {
    401: (KINDS[401], bearer.MISSING),
    403: ("Forbidden", "Requests from pages of other sites are refused."),
    421: ("MisdirectedRequest", "This service has another name."),
    500: ("Broken", BROKEN),
}
OF_A_BODY = {
    408: (KINDS[408], "The body took too long."),
    413: (KINDS[413], "The body is too large."),
    415: (KINDS[415], "The body has another type, charset or encoding than is taken."),
}


def answers(
    *refusals: type[errors.Error], status: int = 200, headers: tuple[str, ...] = ()
) -> dict[int | str, Json]:
    """Return what a route declares as its `responses`.

    Args:
        refusals: What it may be refused with, beside what may happen to every request.
        status: Of the answer when it goes well.
        headers: Of the same: ETag, Location.
    """
    declared: dict[int | str, Json] = {}
    for kind in refusals:
        declared.setdefault(status_of(kind), {"x-kinds": {}})["x-kinds"][kind.__name__] = (
            kind.__doc__ or ""
        )
    if headers:
        declared[status] = {"headers": {name: HEADERS[name] for name in headers}}
    return declared


def document(app: FastAPI) -> Json:
    """Return the document of an application."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        servers=app.servers,
        tags=app.openapi_tags,
    )
    components = found.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    add_examples(components["schemas"])
    components["responses"] = {}
    components["securitySchemes"] = SECURITY
    found["security"] = [{}, {"token": []}]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation, components["responses"])
    return _with_names(found)


def _problem_schemas() -> Json:
    _, schemas = models_json_schema(
        [(Problem, "validation"), (FieldProblem, "validation")], ref_template=SCHEMAS
    )
    found: Json = schemas["$defs"]
    return found


def _with_names(found: Json) -> Json:
    """Return the document with names of pages that read well: `ClientPage` has clients."""
    named: Json = json.loads(re.sub(PAGE, r"\1Page", json.dumps(found)))
    return named


def _complete(path: str, method: str, operation: Json, shared: Json) -> None:
    """Add to an operation what it has by its kind; `shared` takes answers that many have."""
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    responses: Json = operation["responses"]
    kinds: dict[int, dict[str, str]] = defaultdict(dict)
    for number, response in responses.items():
        kinds[int(number)].update(response.pop("x-kinds", {}))
    if path in bearer.OPEN:
        operation["security"] = []
    if path.startswith("/v1"):
        _add_common(kinds, operation)
    _add_conditional(method, operation)
    content = operation.get("requestBody", {}).get("content", {})
    if method == "patch" and "application/json" in content:
        content[MERGE_PATCH] = content["application/json"]
    for status, titles in kinds.items():
        if titles:
            responses[str(status)] = _referred(status, titles, shared)
    operation["responses"] = dict(sorted(responses.items()))


def _add_conditional(method: str, operation: Json) -> None:
    """Add what the headers If-Match and If-None-Match are, and what they lead to."""
    parameters, responses = operation.setdefault("parameters", []), operation["responses"]
    for parameter in parameters:
        if parameter["in"] == "header":
            parameter["schema"] = TEXT
    if method == "get" and "ETag" in responses.get("200", {}).get("headers", {}):
        parameters.append(IF_NONE_MATCH)
        headers = {"ETag": HEADERS["ETag"]}
        responses["304"] = {"description": "The client has this version.", "headers": headers}
    if not parameters:
        del operation["parameters"]


def _add_common(kinds: dict[int, dict[str, str]], operation: Json) -> None:
    common = dict(ANYWHERE)
    if "requestBody" in operation:
        common |= OF_A_BODY
    for number, (name, title) in common.items():
        kinds[number][name] = title
    refusals: list[type[errors.Error]] = [errors.Invalid, errors.Unavailable, errors.Overloaded]
    if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ())):
        refusals.append(errors.StaleVersion)
    for kind in refusals:
        kinds[status_of(kind)][kind.__name__] = kind.__doc__ or ""


def _referred(number: int, titles: Mapping[str, str], shared: Json) -> Json:
    """Describe an answer; the same one of several operations stands once in the document."""
    name = "Or".join(sorted(titles))
    shared[name] = _problem(number, titles)
    return {"$ref": f"#/components/responses/{name}"}


def _problem(number: int, titles: Mapping[str, str]) -> Json:
    """Describe the answer of one status: a problem, of one of the kinds that have `titles`."""
    examples = {
        name: {"value": {"type": name, "title": title, "status": number, "instance": "/v1/…"}}
        for name, title in sorted(titles.items())
    }
    described: Json = {
        "description": " ".join(title for _, title in sorted(titles.items())),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"$ref": SCHEMAS.format(model="Problem")},
                "examples": examples,
            }
        },
    }
    if number == 401:  # noqa: PLR2004 - as it is called there
        described["headers"] = {bearer.CHALLENGE: HEADERS[bearer.CHALLENGE]}
    if number == status_of(errors.Unavailable):
        described["headers"] = {"Retry-After": HEADERS["Retry-After"]}
    return described
