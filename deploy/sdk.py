"""The Python client in `sdk/python`: a module for each service, out of `docs/openapi/`.

`python -m deploy.sdk` writes them; `--check` writes nothing and fails where they are not what the
documents say. What is the same for all services stands beside them, written by hand.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from deploy.env_example import SERVICES
from deploy.sdk_types import Types, docstring, identifier, reachable

Json: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[1]
DOCUMENTS = ROOT / "docs" / "openapi"
PACKAGE = ROOT / "sdk" / "python" / "mailings_client"

FOR_MACHINES = "health"  # probes and metrics: who asks for them has clients of their own
STREAMED = ("application/x-ndjson", "text/csv", "text/event-stream")
IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"

HEAD = '''\
"""The API of {service}, made by `python -m deploy.sdk` out of its OpenAPI document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from mailings_client.calling import AsyncClient, Call, Client, Content, Version, etag, path_of
'''


def module(service: str, document: Json) -> str:
    """Return the module of a service."""
    schemas = document["components"]["schemas"]
    operations = [*_operations(document)]
    answers = [each.answers for each in operations]
    requests = [[each.operation.get("requestBody"), each.parameters] for each in operations]
    answered = reachable(schemas, answers)
    types = Types(schemas, answered)
    structs = [*types.structs(answered | reachable(schemas, requests))]
    classes = [_class(service, operations, types, is_async=is_async) for is_async in (False, True)]
    parts = [HEAD.format(service=service), *types.literals(), *structs, *classes]
    return formatted("\n\n".join(parts))


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation of a document."""

    method: str
    path: str
    operation: Json

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.operation["operationId"])

    @property
    def parameters(self) -> list[Json]:
        """Its parameters; what a client has of an answer is none of a caller's."""
        found: list[Json] = self.operation.get("parameters", [])
        return [each for each in found if each["name"] != IF_NONE_MATCH]

    @property
    def answers(self) -> Json:
        """Its answers where all goes well."""
        return {
            status: each for status, each in self.operation["responses"].items() if status < "300"
        }

    @property
    def answer(self) -> Json | None:
        """The schema of its answer; None: it has none, or is no JSON."""
        for each in self.answers.values():
            if "application/json" in each.get("content", {}):
                schema: Json = each["content"]["application/json"]["schema"]
                return schema
        return None

    @property
    def is_stream(self) -> bool:
        """Whether its answer is read piece by piece."""
        contents = [each.get("content", {}) for each in self.answers.values()]
        return any(kind in content for content in contents for kind in STREAMED)


def _operations(document: Json) -> Iterator[_Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if FOR_MACHINES not in operation["tags"]:
                yield _Operation(method, path, operation)


def _class(service: str, operations: list[_Operation], types: Types, *, is_async: bool) -> str:
    name, base = service.capitalize(), "Client"
    if is_async:
        name, base = f"Async{name}", f"Async{base}"
    how = "awaited" if is_async else "called and waited for"
    head = f'class {name}({base}):\n    """The service {service}, {how}."""\n'
    return "\n".join([head, *(_method(each, types, is_async=is_async) for each in operations)])


def _method(each: _Operation, types: Types, *, is_async: bool) -> str:
    arguments, call = _signature(each, types)
    wait, define = ("await ", "async def") if is_async else ("", "def")
    prefix = "Async" if is_async else ""
    answer, named = each.answer, "None"
    if each.is_stream:
        wait, define = "", "def"
        manager = "AbstractAsyncContextManager" if is_async else "AbstractContextManager"
        named, body = f"{manager}[{prefix}Iterator[bytes]]", f"return self._stream({call})"
    elif answer is None:
        body = f"{wait}self._do({call})"
    else:
        named = types.of(answer, is_answer=True)
        may_be_empty = "204" in each.answers
        how = "_call_or_none" if may_be_empty else "_call"
        body = f"return {wait}self.{how}({call}, {named})"
        named = f"{named} | None" if may_be_empty else named
    text = docstring(each.operation, each.name).replace("\n", "\n    ")
    head = f"    {define} {each.name}(self, {', '.join(arguments)}) -> {named}:"
    return f"{head}\n        {text}\n        {body}\n"


def _signature(each: _Operation, types: Types) -> tuple[list[str], str]:
    """Return the arguments of a method, and the call that they make."""
    first, rest, made = [], [], [f"method={each.method.upper()!r}"]
    by_place: dict[str, list[str]] = {"path": [], "query": [], "header": []}
    for parameter in each.parameters:
        name, place = parameter["name"], parameter["in"]
        own = identifier(name)
        if place == "path":
            first.append(f"{own}: {types.of(parameter['schema'], is_answer=False)}")
            by_place[place].append(f"{own}={own}")
            continue
        of = "Version" if name == IF_MATCH else types.of(parameter["schema"], is_answer=False)
        is_nullable = "None" in of.split(" | ")
        rest.append(f"{own}: {of if is_nullable else f'{of} | None'} = None")
        value = f"etag({own})" if name == IF_MATCH else own
        by_place[place].append(f"{name!r}: {value}")
    made.append(f"path=path_of({', '.join([repr(each.path), *by_place['path']])})")
    for argument, place in (("query", "query"), ("headers", "header")):
        if by_place[place]:
            made.append(f"{argument}={{{', '.join(by_place[place])}}}")
    for argument, value in _body(each, types):
        (first if " = " not in argument else rest).append(argument)
        made.append(value)
    return [*first, "*", *rest] if rest else first, f"Call({', '.join(made)})"


def _body(each: _Operation, types: Types) -> Iterator[tuple[str, str]]:
    """Yield the arguments for the body of a request, and what the call has of them."""
    body = each.operation.get("requestBody")
    if body is None:
        return
    contents = body["content"]
    if "application/json" in contents:
        of = types.of(contents["application/json"]["schema"], is_answer=False)
        yield (f"body: {of}" if body.get("required") else f"body: {of} = None"), "body=body"
        return
    kinds = [*contents]
    yield "content: Content", "content=content"
    named = ", ".join(map(repr, kinds))
    yield f"content_type: Literal[{named}] = {kinds[0]!r}", "content_type=content_type"


def formatted(source: str) -> str:
    """Return a module as the formatter has it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "sdk/made.py", "-"]
    done = subprocess.run(  # noqa: S603 - ours
        command, input=source, capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def modules() -> dict[Path, str]:
    """Return all modules by their paths."""
    return {
        PACKAGE / f"{service}.py": module(
            service, json.loads((DOCUMENTS / f"{service}.json").read_text())
        )
        for service in SERVICES
    }


def differences() -> list[str]:
    """Return a line for each module that is not what its document says."""
    return [
        f"{path.relative_to(ROOT)} is not what docs/openapi says: run python -m deploy.sdk"
        for path, text in modules().items()
        if not path.exists() or path.read_text() != text
    ]


def main() -> None:
    """Write or compare; end with 1 if something is wrong.

    Raises:
        SystemExit: That is so.
    """
    parser = argparse.ArgumentParser(prog="python -m deploy.sdk", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args().check:
        for path, text in modules().items():
            path.write_text(text)
    elif lines := differences():
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
