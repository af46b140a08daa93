"""HTTP as every service speaks it: strict requests, problem details, pages, health."""

import asyncio
import json
import re
import signal
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, cast

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response, status
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query as QueryInfo
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from shared import errors, telemetry
from shared.clock import Clock
from shared.database import Connection, Pool, ping, transaction
from shared.event import Instant
from shared.event_store import EventStore

# Source: RFC 9110 §15.5. Most specific first: the first match answers.
STATUS: dict[type[errors.Error], int] = {
    errors.StaleVersion: 412,
    errors.Conflict: 409,
    errors.NotFound: 404,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}

# What kind of problem it is where a title says more, and what pydantic says less well.
KINDS = {413: "ContentTooLarge", 415: "UnsupportedMediaType"}
CLEARER = {
    "extra_forbidden": "no such field",
    "missing": "it is missing",
    "model_attributes_type": "a JSON object is needed",
}

BODY_LIMIT_BYTES = 1_048_576  # of a request that is not an import; the log takes less than that
KEY_LIMIT = 255  # characters of an Idempotency-Key
JSON = re.compile(r"application/(.+\+)?json")


def create_app(
    service: str, routers: Sequence[APIRouter], pool: Pool, clock: Clock, store: EventStore | None
) -> FastAPI:
    """Return an application with what all services have in common."""
    app = FastAPI(
        title=service,
        version="1",
        telemetry={"exclude": _is_probe, "auto_configure": False},
    )
    app.state.store, app.state.pool, app.state.clock = store, pool, clock
    for router in (_health, *routers):
        app.include_router(router)
    app.add_exception_handler(errors.Error, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _unroutable)
    app.add_exception_handler(Exception, _broken)
    return app


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope.get("path") in PROBES


async def serve(app: FastAPI, *, host: str, port: int, drain: timedelta) -> None:
    """Answer requests until told to stop, then finish those begun within `drain`."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=int(drain.total_seconds()),
    )
    server = _Server(config)
    with suppress(SystemExit):  # uvicorn's own, which does not say what to do
        await server.serve()
    if not server.started:
        raise SystemExit(f"{host}:{port} is taken: end what listens there or set another port")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End gracefully when told to. Unlike uvicorn, do not end the whole process then."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


# Requests are read strictly: a field or parameter that we do not know, or that comes twice, is a
# mistake that would otherwise go unnoticed.


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
            raise errors.Invalid(errors.Place("", "not_utf8")) from error
        except (ValueError, RecursionError) as error:
            raise errors.Invalid(errors.Place("", "json_invalid", "no JSON")) from error

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
        raise errors.Invalid(*(errors.Place(f"/{name}", "duplicate_field") for name in twice))
    return fields


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
            places = [errors.Place(f"/{n}", "unknown_parameter") for n in set(given) - known]
            if len(given) != len(set(given)):
                places += [
                    errors.Place(f"/{n}", "duplicate_parameter")
                    for n in set(given)
                    if given.count(n) > 1
                ]
            places += [
                errors.Place(f"/{name}", "control_character")
                for name, value in request.query_params.multi_items()
                if "\0" in value
            ]
            if places:
                raise errors.Invalid(*sorted(places))
            strict = _StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                await strict.read_json()
            return await handle(strict)

        return strictly


def _check_size(size_bytes: int) -> None:
    if size_bytes > BODY_LIMIT_BYTES:
        raise HTTPException(413, f"at most {BODY_LIMIT_BYTES} bytes")


def strict_router(prefix: str, tag: str) -> APIRouter:
    """Return a router whose requests are read strictly."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=StrictRoute)


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class View(BaseModel):
    """What is shown of something."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


# Problem details. Source: RFC 9457.


async def _refused(request: Request, error: Exception) -> Response:
    number = next(number for kind, number in STATUS.items() if isinstance(error, kind))
    refusal = cast("errors.Error", error)
    places = [
        {name: value for name, value in place._asdict().items() if value or name == "pointer"}
        for place in refusal.places
    ]
    more = {"errors": places} if places else {}
    kind = type(refusal)
    return _problem(request, kind.__name__, kind.__doc__ or "", number, **more)


async def _malformed(request: Request, error: Exception) -> Response:
    """Say where the request is wrong, as JSON pointers; never repeat what it said."""
    places = [
        {
            "pointer": "/" + "/".join(map(str, each["loc"][1:])) if each["loc"][1:] else "",
            "code": each["type"],
            "detail": CLEARER.get(each["type"], each["msg"]),
        }
        for each in cast("RequestValidationError", error).errors()
    ]
    number = STATUS[errors.Invalid]
    return _problem(request, "Invalid", errors.Invalid.__doc__ or "", number, errors=places)


async def _unroutable(request: Request, error: Exception) -> Response:
    """Answer what no route answers: an unknown path, another method, too large a body."""
    known = cast("HTTPException", error)
    title = str(known.detail)
    kind = KINDS.get(known.status_code) or title.replace(" ", "")
    answer = _problem(request, kind, title, known.status_code)
    answer.headers.update(known.headers or {})
    return answer


async def _broken(request: Request, _: Exception) -> Response:
    """Say that it is our fault, and nothing of what was in our hands; the log says more."""
    return _problem(request, "Broken", "This is a fault of ours; it is in the log.", 500)


def _problem(request: Request, kind: str, title: str, number: int, **more: object) -> Response:
    body = {"type": kind, "title": title, "status": number, "instance": request.url.path, **more}
    if trace := telemetry.trace_id():
        body["trace_id"] = trace
    return JSONResponse(body, status_code=number, media_type="application/problem+json")


# Entity tags: an aggregate's version. Source: RFC 9110 §8.8.3 and §13.1.1.


def etag(version: int) -> str:
    """Return the entity tag of a stream at `version`."""
    return f'"{version}"'


def _expected(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match in (None, "*"):
        return None
    if tag := re.fullmatch(r'"(\d{1,9})"', if_match):
        return int(tag[1])
    raise errors.StaleVersion  # a tag that we never gave matches nothing


# Idempotency keys. Source: draft-ietf-httpapi-idempotency-key-header; quotes may be left out.


class KeyReused(errors.Invalid):
    """This Idempotency-Key came before, with another request."""


def _key(idempotency_key: Annotated[str | None, Header()] = None) -> str | None:
    if idempotency_key is None:
        return None
    key = idempotency_key.strip().strip('"')
    if not key or len(key) > KEY_LIMIT or not key.isprintable():
        raise errors.Invalid(errors.Place("", "idempotency_key", f"1 to {KEY_LIMIT} characters"))
    return key


# Pages: what is behind a cursor, which only we can read.

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """Some of a list, and where the rest begins."""

    items: list[T]
    next_cursor: str | None


def page(items: list[T], limit: int, key: Callable[[T], str]) -> Page[T]:
    """Return the first `limit` of `items`, of which one more may have been read."""
    shown = items[:limit]
    more = len(items) > limit
    return Page(items=shown, next_cursor=cursor_of(key(shown[-1])) if more else None)


def cursor_of(key: str) -> str:
    """Return the cursor of what stands behind `key`."""
    return urlsafe_b64encode(key.encode()).decode()


class BadCursor(errors.Invalid):
    """This cursor is none of ours: take it from `next_cursor`, as it is."""


def _cursor(cursor: str | None = None) -> str | None:
    if cursor is None:
        return None
    try:
        return urlsafe_b64decode(cursor).decode()
    except ValueError:
        raise BadCursor(errors.Place("/cursor", "bad_cursor")) from None


def position(cursor: str | None, parse: Callable[[str], T], first: T) -> T:
    """Return where the page begins, as `parse` reads it from the cursor.

    Raises:
        BadCursor: It is no cursor of this list.
    """
    if cursor is None:
        return first
    try:
        return parse(cursor)
    except ValueError:
        raise BadCursor(errors.Place("/cursor", "bad_cursor")) from None


# What routes ask for.


async def _database(request: Request) -> AsyncIterator[Connection]:
    with suppress(errors.Unavailable):  # connections from before a restart go, nobody is told
        await ping(request.app.state.pool)
    async with transaction(request.app.state.pool) as db:
        yield db


def _pool(request: Request) -> Pool:
    return cast("Pool", request.app.state.pool)


def _store(request: Request) -> EventStore:
    return cast("EventStore", request.app.state.store)


async def _now(request: Request) -> Instant:
    clock = cast("Clock", request.app.state.clock)
    with suppress(errors.Unavailable):  # the same for commands: they begin with the time
        return await clock()
    return await clock()


@dataclass(frozen=True, slots=True)
class Asking:
    """What comes with every command: where and when it is carried out, at which version."""

    store: EventStore
    pool: Pool
    now: Instant
    expected: int | None  # None: whatever it is


async def _asked(request: Request, expected: Annotated[int | None, Depends(_expected)]) -> Asking:
    return Asking(_store(request), _pool(request), await _now(request), expected)


Database: TypeAlias = Annotated[Connection, Depends(_database, scope="function")]
DatabasePool: TypeAlias = Annotated[Pool, Depends(_pool)]
Store: TypeAlias = Annotated[EventStore, Depends(_store)]
Asked: TypeAlias = Annotated[Asking, Depends(_asked)]
IdempotencyKey: TypeAlias = Annotated[str | None, Depends(_key)]
Cursor: TypeAlias = Annotated[str | None, Depends(_cursor)]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000)]

PROBES = ("/livez", "/readyz", "/metrics")

_health = APIRouter(tags=["health"], default_response_class=Response)


@_health.get("/livez", status_code=status.HTTP_204_NO_CONTENT)
async def livez() -> None:
    """Say that the process turns; it depends on nothing else."""


@_health.get("/readyz", status_code=status.HTTP_204_NO_CONTENT)
async def readyz(pool: DatabasePool) -> None:
    """Say that requests can be served: the database answers. Kafka is not needed for that."""
    await ping(pool)


@_health.get("/metrics")
async def metrics() -> Response:
    """Show the metrics of this process, as Prometheus reads them."""
    return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4")
