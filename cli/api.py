"""The API: the services over HTTP, as any user speaks to them; what goes wrong is a sentence.

Failure, by exit code:
├── NOT_FOUND     there is no such thing, or not any more           404, 410
├── CONFLICT      it makes sense, but not now; or changed meanwhile  409, 412
├── UNAVAILABLE   nobody answers, or not now                        502, 503, 504, no answer
└── ERROR         everything else: the request is refused (4xx), or a fault of the service (5xx)
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import httpx

from cli import Exit, Failure, address
from cli.render import Json, printable

T = TypeVar("T")
Parameters: TypeAlias = Mapping[str, object]  # those that are None are left out

NO_PARAMETERS: Parameters = MappingProxyType({})

ANSWER_WITHIN_S = 30.0
CONNECT_WITHIN_S = 5.0
PAGE = 1_000  # items; what the services give at most
SHOWN = 200  # characters of an answer that is not what it should be
EXAMPLE = "http://127.0.0.1:8001"
NO_SUCH_PATH = "Not Found"  # the title where a service has no such path: it is another service

CODES: Mapping[int, Exit] = MappingProxyType({
    404: Exit.NOT_FOUND,
    410: Exit.NOT_FOUND,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    502: Exit.UNAVAILABLE,
    503: Exit.UNAVAILABLE,
    504: Exit.UNAVAILABLE,
})  # fmt: skip

# A proxy is for what is far away.
DIRECT = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class Api:
    """All services, by name: catalog, scheduler, dispatcher, stats, and the sandbox gateway."""

    def __init__(
        self,
        address: Callable[[str], str] = address,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
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

    async def patch(self, service: str, path: str, changes: Json) -> Json:
        """Change what `changes` names. Source: RFC 7396, merge patch.

        Raises:
            Failure: It was refused, or the service is not there.
        """
        return await self._ask(service, "PATCH", path, json=changes)

    async def delete(self, service: str, path: str) -> None:
        """Delete something.

        Raises:
            Failure: It is not there, or the service is not.
        """
        await self._request(service, "DELETE", path)

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

    async def items(
        self, service: str, path: str, parameters: Parameters, limit: int
    ) -> tuple[list[Json], bool]:
        """Return the first `limit` items of a list, and whether there are more.

        Raises:
            Failure: The list is not there, or the service is not.
        """
        items: list[Json] = []
        cursor: str | None = None
        while len(items) < limit:
            size = min(PAGE, limit - len(items))
            page = await self.get(service, path, {**parameters, "limit": size, "cursor": cursor})
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return items, cursor is not None

    async def _ask(self, service: str, method: str, path: str, **how: Any) -> Json:  # noqa: ANN401
        answer = await self._request(service, method, path, **how)
        try:
            return cast("Json", answer.json())
        except ValueError:
            raise _no_answer_of(service, answer) from None

    async def _request(
        self,
        service: str,
        method: str,
        path: str,
        **how: Any,  # noqa: ANN401 - as the client has it
    ) -> httpx.Response:
        name = f"{service.upper()}_URL"
        base = _checked(name, self._address(name))
        try:
            answer = await self._client.request(method, base + path, **how)
        except httpx.TransportError as error:
            raise unreachable(service, base, error) from error
        if not answer.is_success:
            raise refused(service, answer)
        return answer


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


def _given(parameters: Parameters) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items() if value is not None}


# What went wrong, as sentences


def unreachable(service: str, base: str, error: Exception) -> Failure:
    """Say that a service does not answer, where it was sought, and how to start it."""
    match error:
        case httpx.ConnectError():
            why = "nothing answers there"
        case httpx.TimeoutException():
            why = "it does not answer in time"
        case _:
            why = "the connection broke off"
    return Failure(
        f"The {service} service cannot be reached at {base}: {why}.\n"
        "  What to do: `./mailings status` shows what runs on this machine, "
        "`./mailings up --detach` starts everything.\n"
        f"  If it runs elsewhere, set {service.upper()}_URL.",
        Exit.UNAVAILABLE,
    )


def refused(service: str, answer: httpx.Response) -> Failure:
    """Say what a service has refused, where the request is wrong, and what to do.

    Source: RFC 9457, problem details.
    """
    try:
        problem = answer.json()
        title = problem["title"]
    except (ValueError, TypeError, KeyError):
        return _no_answer_of(service, answer)
    if title == NO_SUCH_PATH:
        return _no_answer_of(service, answer)
    shown = problem.get("errors", ())
    lines = [str(title), *(_place(place) for place in shown)]
    if (more := problem.get("error_count", 0) - len(shown)) > 0:
        lines.append(f"  and {more:,} more")
    if since := problem.get("since"):
        lines.append(f"  It is gone since {str(since)[:19].replace('T', ' ')} UTC.")
    lines.append(f"  What to do: {_advice(service, answer, problem)}")
    code = CODES.get(answer.status_code, Exit.ERROR)
    return Failure(printable("\n".join(lines)), code, retry_after_s=_retry_after_s(answer))


def _retry_after_s(answer: httpx.Response) -> int | None:
    """Return after how many seconds a request may be repeated. Source: RFC 9110 §10.2.3."""
    given = answer.headers.get("retry-after", "")
    is_number = given.isascii() and given.isdecimal()
    return (
        int(given) if is_number and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else None
    )


def _place(place: Json) -> str:
    pointer = place.get("pointer") or "the whole request"
    return f"  {pointer}: {place.get('detail') or place.get('code')}"


def _advice(service: str, answer: httpx.Response, problem: Json) -> str:
    match answer.status_code:
        case 404 | 410:
            what, _ = _named(answer.url)
            return f"`./mailings {what} list` shows what there is." if what else "look at the ID."
        case 409:
            what, identifier = _named(answer.url)
            shown = f"`./mailings {what} show {identifier}` shows in which state it is."
            return shown if identifier else "wait."
        case 412:
            return "look at it again, then repeat the command."
        case 503 | 502 | 504:
            return "try again in a moment; `./mailings status` shows what runs."
        case status if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            trace = problem.get("trace_id")
            where = f"; look for {trace}" if trace else ""
            return f"`./mailings logs {service}` says more{where}."
        case _:
            return "correct what is named above and try again."


def _named(url: httpx.URL) -> tuple[str, str]:
    """Return the group of commands that is about what the URL names, and its identifier."""
    what, _, rest = url.path.partition("/v1/")[2].partition("/")
    if what not in ("mailings", "messages", "clients", "runs", "imports"):
        return "", ""
    return what, rest.partition("/")[0]


def _no_answer_of(service: str, answer: httpx.Response) -> Failure:
    excerpt = printable(" ".join(answer.text[:SHOWN].split()))
    status = answer.status_code
    return Failure(
        f"{answer.url} answers with {status}, but not as the {service} does: {excerpt!r}\n"
        f"  What to do: check {service.upper()}_URL; something else may have that address.",
        CODES.get(status, Exit.ERROR) if status != httpx.codes.NOT_FOUND else Exit.ERROR,
    )
