"""The calls: operations as requests of httpx, answers as what the documents say, or exceptions."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from mailings_client.problems import problem_of

T = TypeVar("T")
Content: TypeAlias = Any  # of a body that is sent as it is: bytes, a file, or an iterator of bytes
Version: TypeAlias = int | str  # of something, or its entity tag as it was given

ANSWER_WITHIN_S = 30.0
JSON = "application/json"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request."""

    method: str
    path: str
    query: Mapping[str, object] = {}
    headers: Mapping[str, str | None] = {}
    body: object = msgspec.UNSET
    content: Content = None
    content_type: str = JSON

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for httpx."""
        headers = {name: value for name, value in self.headers.items() if value is not None}
        content = self.content
        if self.body is not msgspec.UNSET and self.body is not None:
            content = msgspec.json.encode(self.body)
        if content is not None:
            headers["Content-Type"] = self.content_type
        query = {name: _written(value) for name, value in self.query.items() if value is not None}
        return {
            "method": self.method,
            "url": self.path,
            "params": query,
            "headers": headers,
            "content": content,
        }


def path_of(template: str, **parts: object) -> str:
    """Return a path with its parts, whatever characters these have."""
    return template.format(**{n: quote(str(value), safe="") for n, value in parts.items()})


def etag(version: Version | None) -> str | None:
    """Return the entity tag of a version; one that was given stays as it is."""
    return f'"{version}"' if isinstance(version, int) else version


def _written(value: object) -> object:
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case list() | tuple():
            return [_written(each) for each in value]
        case UUID():
            return str(value)
        case _:
            return value


def _raise_if_refused(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise problem_of(answer.status_code, answer.content, answer.headers.get("Retry-After"))


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


class Client:
    """A service that is called and waited for."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = ANSWER_WITHIN_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`token`: what the service's setting …_API_TOKEN has, if there is one."""
        self.http = httpx.Client(
            base_url=url, headers=_headers(token), timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def _call(self, call: Call, answer: type[T]) -> T:
        response = self.http.request(**call.arguments())
        _raise_if_refused(response)
        return msgspec.json.decode(response.content, type=answer)

    def _call_or_none(self, call: Call, answer: type[T]) -> T | None:
        response = self.http.request(**call.arguments())
        _raise_if_refused(response)
        return msgspec.json.decode(response.content, type=answer) if response.content else None

    def _do(self, call: Call) -> None:
        _raise_if_refused(self.http.request(**call.arguments()))

    @contextmanager
    def _stream(self, call: Call) -> Iterator[Iterator[bytes]]:
        with self.http.stream(**call.arguments()) as response:
            if not response.is_success:
                response.read()
            _raise_if_refused(response)
            yield response.iter_bytes()


class AsyncClient:
    """A service that is called in an event loop."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = ANSWER_WITHIN_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`token`: what the service's setting …_API_TOKEN has, if there is one."""
        self.http = httpx.AsyncClient(
            base_url=url, headers=_headers(token), timeout=timeout_s, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def _call(self, call: Call, answer: type[T]) -> T:
        response = await self.http.request(**call.arguments())
        _raise_if_refused(response)
        return msgspec.json.decode(response.content, type=answer)

    async def _call_or_none(self, call: Call, answer: type[T]) -> T | None:
        response = await self.http.request(**call.arguments())
        _raise_if_refused(response)
        return msgspec.json.decode(response.content, type=answer) if response.content else None

    async def _do(self, call: Call) -> None:
        _raise_if_refused(await self.http.request(**call.arguments()))

    @asynccontextmanager
    async def _stream(self, call: Call) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.http.stream(**call.arguments()) as response:
            if not response.is_success:
                await response.aread()
            _raise_if_refused(response)
            yield response.aiter_bytes()
