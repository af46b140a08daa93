"""The requests, read strictly.

A field or parameter that we do not know or that comes twice, or a body where none is taken, is a
mistake that would otherwise go unnoticed.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryInfo
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.errors import FieldError, Invalid, pointer

BODY_LIMIT_BYTES = 1_048_576  # of a request that is not an import; the log takes less than that
JSON = re.compile(r"application/(.+\+)?json")
TOLD = 10  # of the fields that stand twice: an answer stays smaller than what it is about


def strict_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose requests are read strictly."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute)


class StrictRoute(APIRoute):
    """A route that takes each field and each parameter once, and only those it knows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the checks before it."""
        handle = super().get_route_handler()
        known = {
            each.alias
            for each in get_flat_params(self.dependant)
            if isinstance(each.field_info, QueryInfo)
        }

        is_stream = self.dependant.request_param_name is not None  # it reads the body itself

        async def strictly(request: Request) -> Response:
            given = [name for name, _ in request.query_params.multi_items()]
            places = [FieldError(f"/{n}", "unknown_parameter") for n in set(given) - known]
            if len(given) != len(set(given)):
                places += [
                    FieldError(f"/{n}", "duplicate_parameter")
                    for n in set(given)
                    if given.count(n) > 1
                ]
            places += [
                FieldError(f"/{name}", "control_character")
                for name, value in request.query_params.multi_items()
                if "\0" in value
            ]
            if places:
                raise Invalid(*sorted(places))
            strict = _StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                await strict.read_json()
            elif not is_stream and await strict.body():
                raise Invalid(FieldError("", "unexpected_body", "this request takes no body"))
            return await handle(strict)

        return strictly


class _StrictRequest(Request):
    _parsed: Any = None

    async def read_json(self) -> None:
        """Read the body, if there is one.

        Raises:
            Invalid: It is no JSON, or names a field twice.
            HTTPException: It is too large, or says that it is something else.
        """
        _check_size(int(self.headers.get("content-length", "0")))
        body = await self.body()
        if not body:
            return
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not JSON.fullmatch(kind):
            raise HTTPException(415, "Content-Type must be application/json")
        try:
            self._parsed, twice = _parse(body.decode())
        except UnicodeError as error:
            raise Invalid(FieldError("", "not_utf8")) from error
        except (ValueError, RecursionError) as error:
            raise Invalid(FieldError("", "json_invalid", "no JSON")) from error
        if twice:
            raise Invalid(*twice)

    async def body(self) -> bytes:
        """Return the body, which is small: only streams may be large."""
        if not hasattr(self, "_body"):
            pieces, size = [], 0
            async for piece in self.stream():
                size += len(piece)
                _check_size(size)
                pieces.append(piece)
            self._body = b"".join(pieces)
        return self._body

    async def json(self) -> Any:  # noqa: ANN401 - whatever JSON there is
        """Return what `read_json` has read."""
        return self._parsed


class _FieldTwice(Exception):
    """An object names a field twice; which one, only a look at the whole can tell."""


class _Fields(list[tuple[str, Any]]):
    """The fields of an object as they stand, each as often as it does."""


def _parse(text: str) -> tuple[Any, list[FieldError]]:
    """Return what the JSON says, and which fields stand twice in it.

    Raises:
        ValueError: It is no JSON; `UnicodeError`: with half of a surrogate pair.
        RecursionError: It goes too deep.
    """
    twice: list[FieldError] = []
    try:
        parsed = json.loads(text, object_pairs_hook=_each_once)
    except _FieldTwice:
        parsed = json.loads(text, object_pairs_hook=_Fields)
        twice = list(islice(_twice(parsed, ()), TOLD))
    json.dumps(parsed, ensure_ascii=False).encode()
    return parsed, twice


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _FieldTwice
    return fields


def _twice(value: object, path: tuple[str | int, ...]) -> Iterator[FieldError]:
    """Give the place of each field below `path` that stands twice, from the outside in."""
    if not isinstance(value, list):
        return
    inner: list[tuple[str | int, Any]] = list(enumerate(value))
    if isinstance(value, _Fields):
        inner = [*value]
        counted = Counter(name for name, _ in value)
        yield from (
            FieldError(pointer(*path, name), "duplicate_field", "it stands twice")
            for name, count in counted.items()
            if count > 1
        )
    for name, each in inner:
        yield from _twice(each, (*path, name))


def _check_size(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        raise HTTPException(413, f"at most {BODY_LIMIT_BYTES} bytes")
