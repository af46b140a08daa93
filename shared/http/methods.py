"""The methods of a path: HEAD wherever there is GET, OPTIONS and Allow list them.

Source: RFC 9110 §9.3.2, §9.3.7 and §10.2.1.
"""

from fastapi import FastAPI, Response, status
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.requests import PATCHES


def allowed(app: FastAPI, scope: Scope) -> list[str]:
    """Return the methods of a path, in order; none if there is no such path."""
    methods: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.methods and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods | {"OPTIONS"}) if methods else []


class Methods:
    """Answers HEAD and OPTIONS before the routes, which are made for neither."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HEAD and OPTIONS, and pass on the rest."""
        method = scope.get("method")
        if method == "OPTIONS" and (methods := allowed(scope["app"], scope)):
            headers = {"Allow": ", ".join(methods)}
            if "PATCH" in methods:
                headers["Accept-Patch"] = ", ".join(PATCHES)  # Source: RFC 5789 §3.1
            answer = Response(status_code=status.HTTP_204_NO_CONTENT, headers=headers)
            await answer(scope, receive, send)
        elif method == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, _without_body(send))
        else:
            await self._app(scope, receive, send)


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return send_head
