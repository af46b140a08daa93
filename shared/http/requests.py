"""The requests, read strictly.

A field or parameter that we do not know, or that comes twice, is a mistake that would otherwise
go unnoticed.
"""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryInfo
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from shared.errors import Invalid, Place

BODY_LIMIT_BYTES = 1_048_576  # of a request that is not an import; the log takes less than that
JSON = re.compile(r"application/(.+\+)?json")


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

        async def strictly(request: Request) -> Response:
            given = [name for name, _ in request.query_params.multi_items()]
            places = [Place(f"/{n}", "unknown_parameter") for n in set(given) - known]
            if len(given) != len(set(given)):
                places += [
                    Place(f"/{n}", "duplicate_parameter") for n in set(given) if given.count(n) > 1
                ]
            places += [
                Place(f"/{name}", "control_character")
                for name, value in request.query_params.multi_items()
                if "\0" in value
            ]
            if places:
                raise Invalid(*sorted(places))
            strict = _StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                await strict.read_json()
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
            self._parsed = json.loads(body.decode(), object_pairs_hook=_each_once)
            json.dumps(self._parsed, ensure_ascii=False).encode()
        except UnicodeError as error:  # half of a surrogate pair among them
            raise Invalid(Place("", "not_utf8")) from error
        except (ValueError, RecursionError) as error:
            raise Invalid(Place("", "json_invalid", "no JSON")) from error

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


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Invalid(*(Place(f"/{name}", "duplicate_field") for name in twice))
    return fields


def _check_size(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        raise HTTPException(413, f"at most {BODY_LIMIT_BYTES} bytes")
