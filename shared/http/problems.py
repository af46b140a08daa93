"""The problem details: the body of an answer to a request that failed. Source: RFC 9457."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python
from starlette.exceptions import HTTPException

from shared import errors, telemetry
from shared.database_errors import Unstorable
from shared.event import Instant
from shared.http import wording
from shared.http.methods import allowed

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

# Source: RFC 9110 §15.5. Most specific first: the first match answers.
STATUS: dict[type[errors.Error], int] = {
    errors.StaleVersion: 412,
    errors.TooLarge: 413,
    errors.Conflict: 409,
    errors.NotFound: 404,
    errors.Gone: 410,
    errors.Invalid: 422,
    errors.Unavailable: 503,
}

# What kind of problem it is where a title says more.
KINDS = {
    401: "Unauthorized",
    403: "Forbidden",
    408: "RequestTimeout",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    421: "MisdirectedRequest",
}

ERRORS_SHOWN = 20  # an answer stays smaller than what it is about
TEXT_LIMIT = 200  # characters of a pointer or a path: they repeat what the request named
UNSTORABLE = errors.FieldError(
    "", "unstorable", "it has a NUL character, or a number or an instant that is too large"
)
BROKEN, BROKEN_STATUS = "Internal error; see the service's log.", 500


class FieldProblem(BaseModel):
    """A mistake in a request: where and why; never the value."""

    pointer: str = Field(
        description="A JSON pointer (RFC 6901) into the body, or /parameter.", examples=["/phone"]
    )
    code: str = Field(description="For programs: it does not change.", examples=["phone"])
    detail: str = Field(
        "", description="For people.", examples=["7 and ten digits, as in 79161234567"]
    )
    limits: list[float] = Field(
        [],
        description="The numbers that were not kept, in the order in which `detail` has them: for "
        "words in another language.",
        examples=[[]],
    )


class NamedMailing(BaseModel):
    """A mailing, by its identifier and its name."""

    mailing_id: UUID
    name: str = Field(examples=["Spring"])


class Problem(BaseModel):
    """Why a request failed (RFC 9457); programs go by `type`, which does not change."""

    type: str = Field(examples=["ClientInvalid"])
    title: str = Field(examples=["A client cannot be like this."])
    status: int = Field(examples=[422])
    instance: str = Field(description="The request's path.", examples=["/v1/clients"])
    errors: list[FieldProblem] = Field([], description=f"The first {ERRORS_SHOWN} mistakes.")
    error_count: int = Field(0, description="How many mistakes there are.")
    mailings: list[NamedMailing] = Field(
        [], description=f"The first {ERRORS_SHOWN} mailings that need it, where that is why."
    )
    mailing_count: int = Field(0, description="How many mailings need it.")
    since: Instant | None = Field(
        None, description="Since when it is gone.", examples=["2026-06-01T09:00:00Z"]
    )
    trace_id: str = Field("", description="It is in each line of the service's log about it.")


def handle_errors(app: FastAPI) -> None:
    """Make `app` answer every error with problem details."""
    app.add_exception_handler(errors.Error, _refused)
    app.add_exception_handler(Unstorable, _unstorable)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _unroutable)


def status_of(kind: type[errors.Error]) -> int:
    """Return the status that a refusal is answered with."""
    return next(number for base, number in STATUS.items() if issubclass(kind, base))


async def _refused(request: Request, error: Exception) -> Response:
    refusal = cast("errors.Error", error)
    kind = type(refusal)
    number = status_of(kind)
    title, mistakes = kind.__doc__ or "", refusal.field_errors
    response = problem(request, kind.__name__, title, number, mistakes, _more(refusal))
    if isinstance(refusal, errors.Unavailable):
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


def _more(refusal: errors.Error) -> Mapping[str, object]:
    """Return what only some refusals have."""
    match refusal:
        case errors.Gone():
            return {"since": to_jsonable_python(refusal.since)}
        case errors.InUse(mailings=mailings):
            shown = [each._asdict() for each in mailings[:ERRORS_SHOWN]]
            return {"mailings": to_jsonable_python(shown), "mailing_count": len(mailings)}
        case _:
            return {}


async def _unstorable(request: Request, error: Exception) -> Response:
    """Answer that something of the request cannot be stored, or looked for, whatever it is about.

    What a rule of a field refuses says more; this is for what no rule has thought of.
    """
    log.warning("http.request.unstorable", reason=str(error))
    return await _refused(request, errors.Invalid(UNSTORABLE))


async def _malformed(request: Request, error: Exception) -> Response:
    """Answer where the request is wrong, as JSON pointers; never repeat its values."""
    body, found = getattr(error, "body", None), cast("RequestValidationError", error).errors()
    shown = [
        errors.FieldError(
            errors.pointer(*_place(each["loc"][1:], body)),
            each["type"],
            wording.detail(each["type"], each["msg"], each.get("ctx", {})),
            wording.limits(each["type"], each.get("ctx", {})),
        )
        for each in found[:ERRORS_SHOWN]
    ]
    invalid = errors.Invalid
    count = {"error_count": len(found)}
    return problem(request, "Invalid", invalid.__doc__ or "", STATUS[invalid], shown, count)


def _place(location: Sequence[str | int], body: object) -> Sequence[str | int]:
    """Return where in the body a mistake is.

    In a body of several kinds pydantic names the kind first, which is no field but one's value.
    """
    if location and isinstance(body, Mapping) and location[0] not in body:
        is_kind = location[0] in list(body.values())
        return location[1:] if is_kind else location
    return location


async def _unroutable(request: Request, error: Exception) -> Response:
    """Answer what no route answers: an unknown path, another method, too large a body."""
    known = cast("HTTPException", error)
    if known.status_code == status.HTTP_405_METHOD_NOT_ALLOWED:
        known.headers = {"Allow": ", ".join(allowed(request.app, request.scope))}
    if known.status_code == status.HTTP_404_NOT_FOUND and (moved := _without_slash(request)):
        return moved
    return refuse(request, known)


def _without_slash(request: Request) -> Response | None:
    """Redirect a path with a slash at its end to the one without, on this host."""
    path = request.scope["path"].rstrip("/")
    if path == request.scope["path"] or not allowed(request.app, {**request.scope, "path": path}):
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{quote(path)}{query}")


def refuse(request: Request, error: HTTPException) -> Response:
    """Answer with an error that is no use case's."""
    title = str(error.detail)
    kind = KINDS.get(error.status_code) or title.replace(" ", "")
    response = problem(request, kind, title, error.status_code)
    response.headers.update(error.headers or {})
    return response


def broken(request: Request, error: Exception) -> Response:
    """Log an internal error, and answer without its details."""
    log.error("http.request.failed", method=request.method, exc_info=error)
    return problem(request, "Broken", BROKEN, BROKEN_STATUS)


def problem(
    request: Request,
    kind: str,
    title: str,
    number: int,
    found: Sequence[errors.FieldError] = (),
    more: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    """Answer with problem details: of many mistakes the first ones, and how many there are.

    `more` has what only some problems have, or what is not as it follows from the rest.
    """
    body: dict[str, object] = {
        "type": kind,
        "title": title,
        "status": number,
        "instance": _cut(request.url.path),
    }
    if found:
        body["errors"] = [_shown(each) for each in found[:ERRORS_SHOWN]]
        body["error_count"] = len(found)
    body |= more
    if trace := telemetry.trace_id():
        body["trace_id"] = trace
        if number != BROKEN_STATUS:  # that is logged with its reason
            _log_refusal(request, kind, number)
    return JSONResponse(body, status_code=number, media_type=MEDIA_TYPE)


def _log_refusal(request: Request, kind: str, number: int) -> None:
    """Log a refusal, so that the trace that its answer names is found; never what was sent."""
    path = getattr(request.scope.get("route"), "path", None)
    log.info(
        "http.request.refused", method=request.method, route=path, problem=kind, status=number
    )


def _shown(mistake: errors.FieldError) -> dict[str, object]:
    shown: dict[str, object] = {
        "pointer": _cut(mistake.pointer),
        "code": mistake.code,
        "detail": _cut(mistake.detail),
        "limits": mistake.limits,
    }
    return {name: value for name, value in shown.items() if value or name == "pointer"}


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"
