"""The API: the services over HTTP, as any user speaks to them; what goes wrong is a sentence."""

import asyncio
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Mapping,
)
from contextlib import asynccontextmanager
from functools import cache
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeAlias, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import httpx

from cli import Exit, Failure, address
from cli.refusals import no_answer_of, refused, unreachable
from cli.render import Json, printable
from cli.tokens import token_of

T = TypeVar("T")
Parameters: TypeAlias = Mapping[str, object]  # those that are None are left out

NO_PARAMETERS: Parameters = MappingProxyType({})

ANSWER_WITHIN_S = 30.0
CONNECT_WITHIN_S = 5.0
PAGE = 1_000  # items; what the services give at most
EXAMPLE = "http://127.0.0.1:8001"
# A proxy is for what is far away.
DIRECT = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class Api:
    """All services, by name: catalog, scheduler, dispatcher, stats, and the sandbox gateway."""

    def __init__(
        self,
        address: Callable[[str], str] = address,
        transport: httpx.AsyncBaseTransport | None = None,
        token_of: Callable[[str], str | None] = token_of,
    ) -> None:
        self._address, self._token_of = address, cache(token_of)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(ANSWER_WITHIN_S, connect=CONNECT_WITHIN_S),
            transport=transport,
            mounts=dict.fromkeys(DIRECT),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def get(self, service: str, path: str, parameters: Parameters = NO_PARAMETERS) -> Json:
        """Read something.

        Raises:
            Failure: It is not there, or the service is not.
        """
        return await self._ask(service, "GET", path, params=_given(parameters))

    async def post(self, service: str, path: str, body: Json | None = None) -> Json:
        """Ask for something to be done.

        Raises:
            Failure: It was refused, or the service is not there.
        """
        return await self._ask(service, "POST", path, json=body)

    async def put(self, service: str, path: str, body: Json) -> Json:
        """Make something as `body` says.

        Raises:
            Failure: It was refused, or the service is not there.
        """
        return await self._ask(service, "PUT", path, json=body)

    async def patch(
        self, service: str, path: str, changes: Json, *, version: int | None = None
    ) -> Json:
        """Change what `changes` names. Source: RFC 7396, merge patch.

        Raises:
            Failure: It was refused, or is not of `version` any more, or the service is not there.
        """
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return await self._ask(service, "PATCH", path, json=changes, headers=headers)

    async def delete(self, service: str, path: str) -> Json:
        """Delete something; return what is said of it, mostly nothing.

        Raises:
            Failure: It is not there, or the service is not.
        """
        answer = await self._request(service, "DELETE", path)
        return cast("Json", answer.json()) if answer.content else {}

    async def upload(
        self, service: str, path: str, pieces: AsyncIterable[bytes], content_type: str
    ) -> Json:
        """Send what may be long, as it comes; the answer may take as long as it takes.

        Raises:
            Failure: It was refused, or the service is not there (any more).
        """
        headers = {"Content-Type": content_type}
        timeout = httpx.Timeout(None, connect=CONNECT_WITHIN_S)
        return await self._ask(
            service, "POST", path, content=pieces, headers=headers, timeout=timeout
        )

    @asynccontextmanager
    async def download(
        self, service: str, path: str, parameters: Parameters
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read what may be long, as it comes, piece by piece.

        Raises:
            Failure: It was refused, or it broke off, or the service is not there.
        """
        base, given, shown = self.base(service), _given(parameters), self._shown(service)
        try:
            asked = self._client.stream("GET", base + path, params=given, auth=shown)
            async with asked as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise refused(service, answer)
                yield answer.aiter_bytes()
        except httpx.TransportError as error:
            raise unreachable(service, base, error) from error

    async def items(
        self, service: str, path: str, parameters: Parameters, limit: int, page: int = PAGE
    ) -> tuple[list[Json], bool]:
        """Return the first `limit` items of a list, and whether there are more.

        `page`: how many are asked for at once.

        Raises:
            Failure: The list is not there, or the service is not.
        """
        items: list[Json] = []
        cursor: str | None = None
        while len(items) < limit:
            asked = {"limit": min(page, limit - len(items)), "cursor": cursor}
            found = await self.get(service, path, {**parameters, **asked})
            items += found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                break
        return items, cursor is not None

    async def _ask(self, service: str, method: str, path: str, **how: Any) -> Json:  # noqa: ANN401
        answer = await self._request(service, method, path, **how)
        try:
            return cast("Json", answer.json())
        except ValueError:
            raise no_answer_of(service, answer) from None

    async def _request(
        self,
        service: str,
        method: str,
        path: str,
        **how: Any,  # noqa: ANN401 - as the client has it
    ) -> httpx.Response:
        answer = await self.answer(service, path, method, **how)
        if not answer.is_success:
            raise refused(service, answer)
        return answer

    async def answer(
        self,
        service: str,
        path: str,
        method: str = "GET",
        **how: Any,  # noqa: ANN401 - as the client has it
    ) -> httpx.Response:
        """Return the answer, whatever it is.

        Raises:
            Failure: The service is not there.
        """
        base, shown = self.base(service), self._shown(service)
        try:
            return await self._client.request(method, base + path, auth=shown, **how)
        except httpx.TransportError as error:
            raise unreachable(service, base, error) from error

    def _shown(self, service: str) -> "_Shown | None":
        token = self._token_of(service)
        return None if token is None else _Shown(token)

    def base(self, service: str) -> str:
        """Return the address of a service.

        Raises:
            Failure: It is not known, or it is none.
        """
        name = f"{service.upper()}_URL"
        return _checked(name, self._address(name))


class _Shown(httpx.Auth):
    """Shows a token. Source: RFC 6750 §2.1."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add it to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def run(work: Callable[[Api], Awaitable[T]]) -> T:
    """Do the work of a command with the services that its environment or this machine has."""

    async def main() -> T:
        async with Api() as api:
            return await work(api)

    return asyncio.run(main())


def _checked(name: str, base: str) -> str:
    """Return an address that may be one.

    Raises:
        Failure: It is none.
    """
    try:
        parts = urlsplit(base)
        is_one = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        is_one = False
    if not is_one:
        message = f"{name} is {printable(base)!r}, which is no address such as {EXAMPLE}."
        raise Failure(message, Exit.USAGE)
    return base.rstrip("/")


def query(parameters: Parameters) -> str:
    """Return parameters as they stand in an address; of a list each by itself."""
    return urlencode(_given(parameters), doseq=True)


def _given(parameters: Parameters) -> dict[str, str | list[str]]:
    return {
        name: [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in parameters.items()
        if value is not None
    }
