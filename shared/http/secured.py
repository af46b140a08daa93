"""The answers: what each of them has, and what becomes of errors that nothing else answers."""

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.problems import broken

# A browser shall not guess a type, keep an answer or show it in a page of others.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Secured:
    """Adds the headers of all answers, and answers for what broke."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer every request, after an error as well, unless the client has disconnected."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
            response = broken(Request(scope), error)
            if not is_begun:
                await response(scope, receive, send_with_headers)
        return None
