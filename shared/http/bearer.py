"""The bearer token: until there are keys, a secret that all who call a service share.

Source: RFC 6750.
"""

from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.problems import refuse
from shared.http.trust import PROBES, is_link

# Without a token these are answered: they show no personal data and change nothing, those who ask
# have only the address of a process, and whoever lost the token must still see what is wrong.
# An unsubscribe link is its own permission.
OPEN = PROBES
PUBLIC = "/public/"  # and what everybody may see

SCHEME = "bearer"
CHALLENGE = "WWW-Authenticate"
MISSING = (
    "This service wants its token: send `Authorization: Bearer TOKEN`; "
    "the command line reads it from the file that MAILINGS_TOKEN_FILE names."
)
WRONG = "This is not the token of this service: it is what its setting …_API_TOKEN has."


class Bearer:
    """Refuses who does not show the token, before anything of the request is read."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """`token`: None if everybody is answered."""
        self._app = app
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if self._token is not None and scope["type"] == "http" and not is_open(scope["path"]):
            given = _tokens(Headers(scope=scope))
            if len(given) != 1 or not compare_digest(given[0], self._token):
                response = refuse(Request(scope), _refusal(is_given=bool(given)))
                return await response(scope, receive, send)
        return await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Return whether a path is answered without a token."""
    return path in OPEN or path.startswith(PUBLIC) or is_link(path)


def _tokens(headers: Headers) -> list[bytes]:
    parts = (each.partition(" ") for each in headers.getlist("authorization"))
    return [
        token.strip().encode("latin-1") for scheme, _, token in parts if scheme.lower() == SCHEME
    ]


def _refusal(*, is_given: bool) -> HTTPException:
    """Source: RFC 6750 §3.1, no error is named where nothing was shown."""
    if is_given:
        return HTTPException(401, WRONG, {CHALLENGE: 'Bearer error="invalid_token"'})
    return HTTPException(401, MISSING, {CHALLENGE: "Bearer"})
