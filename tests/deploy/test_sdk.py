"""The Python client is what the OpenAPI documents say, and takes what they show as examples."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from mailings_client import (
    Catalog,
    Conflict,
    Gone,
    Invalid,
    NotFound,
    ProblemError,
    StaleVersion,
    Unavailable,
    paged,
)
from mailings_client.catalog import ClientChanges

from deploy import sdk
from deploy.env_example import SERVICES

FOLDER = Path(__file__).parents[2] / "sdk" / "python"


def examples() -> Iterator[tuple[str, str, Any]]:
    """Yield by service and schema what a document shows as an example."""
    for service in SERVICES:
        document = json.loads((sdk.DOCUMENTS / f"{service}.json").read_text())
        module = import_module(f"mailings_client.{service}")
        for name, schema in document["components"]["schemas"].items():
            if hasattr(module, name) and schema["type"] == "object":
                yield service, name, schema["examples"][0]


def test_the_client_is_what_the_documents_say() -> None:
    assert sdk.differences() == []


@pytest.mark.parametrize(("service", "name", "example"), [*examples()])
def test_the_client_takes_what_the_documents_show(service: str, name: str, example: Any) -> None:
    kind = getattr(import_module(f"mailings_client.{service}"), name)

    read = msgspec.convert(example, kind, strict=False)

    assert isinstance(read, msgspec.Struct)
    written = msgspec.to_builtins(read, builtin_types=())
    assert written.keys() == example.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_a_method_sync_and_async(service: str) -> None:
    document = json.loads((sdk.DOCUMENTS / f"{service}.json").read_text())
    module = import_module(f"mailings_client.{service}")
    kinds = [getattr(module, f"{prefix}{service.capitalize()}") for prefix in ("", "Async")]
    names = {
        operation["operationId"]
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if path not in ("/livez", "/readyz", "/metrics")
    }

    assert all(names <= set(dir(kind)) for kind in kinds)


def test_the_client_needs_nothing_of_the_platform() -> None:
    imported = set()
    for path in (FOLDER / "mailings_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])

    assert imported - set(sys.stdlib_module_names) == {"httpx", "msgspec", "mailings_client"}


def test_the_client_is_installed_as_a_typed_package(tmp_path: Path) -> None:
    target = tmp_path / "site"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--offline"]
    subprocess.run([*command, "--target", str(target), str(FOLDER)], check=True)  # noqa: S603 - ours

    assert (target / "mailings_client" / "py.typed").exists()
    assert (target / "mailings_client" / "catalog.py").exists()
    code = "import mailings_client; print(mailings_client.__file__)"
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(target))


def answering(status: int, body: object, **headers: str) -> Catalog:
    """Return a client of a service that always answers the same."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=headers)

    return Catalog("http://catalog", transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ProblemError),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (412, StaleVersion),
        (422, Invalid),
        (503, Unavailable),
    ],
)
def test_what_is_refused_is_an_exception_with_all_that_was_said(
    status: int, kind: type[ProblemError]
) -> None:
    errors = [{"pointer": "/phone", "code": "taken", "detail": "another client has it"}]
    problem = {"type": "PhoneTaken", "title": "No.", "status": status, "errors": errors}

    with pytest.raises(kind) as caught, answering(status, problem, **{"Retry-After": "7"}) as api:
        api.list_clients()

    found = caught.value
    assert type(found) is kind
    assert (found.status, found.type, found.retry_after_s) == (status, "PhoneTaken", 7)
    assert found.errors[0].pointer == "/phone"
    assert str(found) == "PhoneTaken: No.; /phone: another client has it"


def test_what_cannot_be_deleted_names_the_mailings_that_need_it() -> None:
    spring = UUID(int=7)
    named = [{"mailing_id": str(spring), "name": "Spring"}]
    problem = {"type": "AudienceInUse", "title": "No.", "mailings": named, "mailing_count": 30}

    with pytest.raises(Conflict) as caught, answering(409, problem) as api:
        api.delete_audience(UUID(int=1))

    assert [(each.mailing_id, each.name) for each in caught.value.mailings] == [(spring, "Spring")]
    assert caught.value.mailing_count == 30


def test_an_answer_of_somebody_else_is_an_exception_too() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text="<html>Bad Gateway</html>")

    with (
        pytest.raises(ProblemError, match="The answer was 502"),
        Catalog("http://catalog", transport=httpx.MockTransport(answer)) as api,
    ):
        api.list_clients()


def test_what_is_sent_is_what_was_named() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(422, json={})

    transport = httpx.MockTransport(answer)
    with Catalog("http://catalog", token="secret", transport=transport) as api:  # noqa: S106 - no secret
        for name in ("a/b", "é"):
            with pytest.raises(Invalid):
                api.lift_suppression(name, topic="x y")
        changes = ClientChanges(full_name=None, tags=["vip"])
        with pytest.raises(Invalid):
            api.change_client("1", changes, if_match=3)  # type: ignore[arg-type] # that is what is refused
        with pytest.raises(Invalid):
            api.list_clients(tag=["vip", "new"], limit=5)

    lifted, _, changed, listed = asked
    assert lifted.url.raw_path == b"/v1/suppressions/a%2Fb?topic=x+y"
    assert lifted.headers["Authorization"] == "Bearer secret"
    assert changed.headers["If-Match"] == '"3"'
    assert json.loads(changed.content) == {"full_name": None, "tags": ["vip"]}
    assert listed.url.params.get_list("tag") == ["vip", "new"]
    assert "phone" not in listed.url.params


def test_an_answer_of_a_newer_service_is_read() -> None:
    facets = {
        "count": 1,
        "is_exact": True,
        "counted": 1,
        "tags": [{"value": "vip", "count": 1, "more": True}],
        "operator_codes": [],
        "new": {"of": "a later release"},
    }
    with answering(200, facets) as api:
        assert api.show_client_facets().tags[0].value == "vip"


def test_pages_follow_each_other_until_there_is_no_more() -> None:
    place: dict[str, Any] = {"place": 0, "line": 1, "last_line": 1, "column": None}
    rejected = place | {"code": "json", "limits": None, "reason": "no JSON object", "cells": []}

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor", "0")
        following = None if cursor == "2" else str(int(cursor) + 1)
        items = [rejected | {"row": int(cursor)}]
        return httpx.Response(200, json={"items": items, "next_cursor": following})

    with Catalog("http://catalog", transport=httpx.MockTransport(answer)) as api:
        rows = [each.row for each in paged(api.list_rejections, "1", limit=1)]

    assert rows == [0, 1, 2]
