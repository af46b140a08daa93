"""What the sandbox gateway says, byte for byte: the contract's answer, and seven that are not."""

from typing import NamedTuple


class Reply(NamedTuple):
    """Bytes to write, and whether the connection ends with them."""

    raw: bytes
    closes: bool = False


def answer(status: bytes, content_type: bytes, body: bytes, headers: bytes = b"") -> bytes:
    """Build an answer; `headers` are whole lines."""
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        content_type,
        len(body),
        headers,
        body,
    )


_BODY = b'{"id":"sg-%012d","status":"accepted"}'
_JSON = b"application/json"
_PROBLEM = b"application/problem+json"
_HTML = b"<!doctype html><title>Welcome</title><p>It works.</p>"
_OK = b"200 OK"
_CLOSES = b"Connection: close\r\n"
_ACCEPTED = answer(_OK, _JSON, _BODY % 0).replace(_BODY % 0, _BODY)

FAILED = Reply(answer(b"500 Internal Server Error", _PROBLEM, b'{"title":"Told to fail"}'))
REFUSED = Reply(answer(b"400 Bad Request", _PROBLEM, b'{"title":"Not what the contract says"}'))
CUT_OFF = Reply(b"", closes=True)
MALFORMED = Reply(answer(b"400 Bad Request", _PROBLEM, b'{"title":"Not HTTP/1.1"}', _CLOSES))
TOO_LARGE = Reply(
    answer(b"413 Content Too Large", _PROBLEM, b'{"title":"A body of at most 64 KiB"}', _CLOSES)
)
HEAD_TOO_LARGE = Reply(
    answer(
        b"431 Request Header Fields Too Large",
        _PROBLEM,
        b'{"title":"A head of at most 16 KiB"}',
        _CLOSES,
    )
)
TOO_MANY = Reply(
    answer(b"429 Too Many Requests", _PROBLEM, b'{"title":"At most 100 requests ahead"}', _CLOSES)
)
LIVE = Reply(b"HTTP/1.1 204 No Content\r\n\r\n")
NOT_FOUND = Reply(answer(b"404 Not Found", _PROBLEM, b'{"title":"No such resource"}'))


def throttled(retry_after_s: int) -> Reply:
    """Ask to be left in peace for so many seconds."""
    wait = b"Retry-After: %d\r\n" % retry_after_s
    body = b'{"title":"Told to throttle"}'
    return Reply(answer(b"429 Too Many Requests", _PROBLEM, body, wait))


def accepted(number: int) -> Reply:
    """Say that the message was taken by the request of this number."""
    return Reply(_ACCEPTED % number)


def document(body: bytes) -> Reply:
    """Answer with a JSON document."""
    return Reply(answer(_OK, _JSON, body))


def problem(status: bytes, body: bytes) -> Reply:
    """Answer with a problem document."""
    return Reply(answer(status, _PROBLEM, body))


def garbage(kind: int, number: int) -> Reply:
    """Return a success that is not the contract's; there are seven kinds."""
    good = _BODY % number
    kinds = (
        Reply(answer(_OK, b"text/html", _HTML)),
        Reply(answer(_OK, _JSON, good[:-9])),
        Reply(answer(_OK, _JSON, b'{"result":{"ok":true}}')),
        Reply(answer(_OK, _JSON, b"")),
        Reply(answer(_OK, b"text/plain", good)),
        Reply(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + good,
            closes=True,
        ),
        Reply(answer(_OK, _JSON, good)[:-20], closes=True),
    )
    return kinds[kind % len(kinds)]
