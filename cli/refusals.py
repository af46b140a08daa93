"""The refusals: what went wrong with a request, as a sentence that says what to do.

Failure, by exit code:
├── NOT_FOUND     there is no such thing, or not any more           404, 410
├── CONFLICT      it makes sense, but not now; or changed meanwhile  409, 412
├── UNAVAILABLE   nobody answers, or not now                        502, 503, 504, no answer
└── ERROR         everything else: the request is refused (4xx), or a fault of the service (5xx)
"""

from collections.abc import Mapping
from types import MappingProxyType

import httpx

from cli import Exit, Failure
from cli.render import Json, printable

SHOWN = 200  # characters of an answer that is not what it should be
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

IN_A_MOMENT = "try again in a moment; `./mailings status` shows what runs."
ADVICE: Mapping[int, str] = MappingProxyType({
    412: "look at it again, then repeat the command.",
    502: IN_A_MOMENT,
    503: IN_A_MOMENT,
    504: IN_A_MOMENT,
})  # fmt: skip


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
        return no_answer_of(service, answer)
    if title == NO_SUCH_PATH:
        return no_answer_of(service, answer)
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
        case 401:
            return (
                f"let MAILINGS_TOKEN_FILE name a file with the token; that of the {service} "
                f"alone is set as {service.upper()}_API_TOKEN."
            )
        case 404 | 410:
            what, _ = _named(answer.url)
            return f"`./mailings {what} list` shows what there is." if what else "look at the ID."
        case 409:
            what, identifier = _named(answer.url)
            shown = f"`./mailings {what} show {identifier}` shows in which state it is."
            return shown if identifier else "wait."
        case status if status in ADVICE:
            return ADVICE[status]
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


def no_answer_of(service: str, answer: httpx.Response) -> Failure:
    """Say that something answers, but not as the service does."""
    excerpt = printable(" ".join(answer.text[:SHOWN].split()))
    status = answer.status_code
    return Failure(
        f"{answer.url} answers with {status}, but not as the {service} does: {excerpt!r}\n"
        f"  What to do: check {service.upper()}_URL; something else may have that address.",
        CODES.get(status, Exit.ERROR) if status != httpx.codes.NOT_FOUND else Exit.ERROR,
    )
