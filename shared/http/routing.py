"""The routes: what is checked before each of them, and what is added behind it."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, get_args, get_origin

from fastapi import APIRouter, Request, Response, status
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryInfo
from fastapi.routing import APIRoute

from shared.errors import FieldError, Invalid
from shared.http.etags import if_unchanged
from shared.http.openapi import answers
from shared.http.requests import StrictRequest


def strict_router(prefix: str, tag: str, *, has_own_admission: bool = False) -> APIRouter:
    """Return a router whose requests are read strictly.

    With an admission of their own they don't wait for other requests, nor those for them.
    """
    kind = StrictRoute if not has_own_admission else AdmittedRoute
    return APIRouter(prefix=prefix, tags=[tag], route_class=kind, responses=answers(Invalid))


class StrictRoute(APIRoute):
    """A route that takes each field and parameter once, but lists, and only what it declares."""

    has_own_admission = False

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with the checks before it."""
        handle = super().get_route_handler()
        known = {
            each.alias: _is_list(each.field_info.annotation)
            for each in get_flat_params(self.dependant)
            if isinstance(each.field_info, QueryInfo)
        }
        is_stream = self.dependant.request_param_name is not None  # it reads the body itself

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if mistakes := sorted(_wrong_parameters(strict, known)):
                raise Invalid(*mistakes)
            strict.check_headers(is_stream=is_stream)
            if is_stream:
                return await handle(strict)
            if self.body_field is not None:
                await strict.read_json()
            elif await strict.body():
                raise Invalid(FieldError("", "unexpected_body", "this request takes no body"))
            own = self.has_own_admission
            async with nullcontext() if own else request.app.state.admission:
                response = await handle(strict)
            return if_unchanged(strict, _without_type(response))

        return strictly


def _is_list(annotation: object) -> bool:
    """Return whether a parameter takes several values, each given by its name."""
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


class AdmittedRoute(StrictRoute):
    """The same, for those who say themselves how many are answered at once."""

    has_own_admission = True


def _wrong_parameters(request: Request, known: Mapping[str, bool]) -> Iterator[FieldError]:
    given = request.query_params.multi_items()
    for name, times in Counter(name for name, _ in given).items():
        if name not in known:
            yield FieldError(f"/{name}", "unknown_parameter", "no such parameter")
        if times > 1 and not known.get(name):
            yield FieldError(f"/{name}", "duplicate_parameter", "it is given twice")
    for name, value in given:
        if name in known and not value.strip():
            yield FieldError(f"/{name}", "empty_parameter", "it is empty: leave it out or fill it")
        if "\0" in value:
            yield FieldError(f"/{name}", "control_character", "no NUL characters")


def _without_type(response: Response) -> Response:
    """Return the same; what has no content has no type of it."""
    if response.status_code == status.HTTP_204_NO_CONTENT and "content-type" in response.headers:
        del response.headers["content-type"]
    return response
