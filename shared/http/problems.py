"""The problem details: how a request is told that it failed, and where. Source: RFC 9457."""

from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared import errors, telemetry

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


def answer(app: FastAPI) -> None:
    """Let `app` answer every error with problem details."""
    app.add_exception_handler(errors.Error, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _unroutable)
    app.add_exception_handler(Exception, _broken)


async def _refused(request: Request, error: Exception) -> Response:
    number = next(number for kind, number in STATUS.items() if isinstance(error, kind))
    refusal = cast("errors.Error", error)
    places = [
        {name: value for name, value in place._asdict().items() if value or name == "pointer"}
        for place in refusal.field_errors
    ]
    more = {"errors": places} if places else {}
    kind = type(refusal)
    return _problem(request, kind.__name__, kind.__doc__ or "", number, **more)


async def _malformed(request: Request, error: Exception) -> Response:
    """Say where the request is wrong, as JSON pointers; never repeat what it said."""
    places = [
        {
            "pointer": errors.pointer(*each["loc"][1:]),
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
    response = _problem(request, kind, title, known.status_code)
    response.headers.update(known.headers or {})
    return response


async def _broken(request: Request, _: Exception) -> Response:
    """Say that it is our fault, and nothing of what was in our hands; the log says more."""
    return _problem(request, "Broken", "This is a fault of ours; it is in the log.", 500)


def _problem(request: Request, kind: str, title: str, number: int, **more: object) -> Response:
    body = {"type": kind, "title": title, "status": number, "instance": request.url.path, **more}
    if trace := telemetry.trace_id():
        body["trace_id"] = trace
    return JSONResponse(body, status_code=number, media_type="application/problem+json")
