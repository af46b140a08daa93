"""Garbage in the place of an HTTP answer, in tables that tests share; each kind has a name.

Most of it holds the contract's body: who reads too kindly takes a message for delivered.
"""

import gzip
import zlib
from typing import NamedTuple

BODY = b'{"id":"g-1","status":"accepted"}'
HUGE = 100_000
JSON = b"Content-Type: application/json\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + JSON
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
REST = JSON + LENGTH + b"\r\n" + BODY  # of a good answer, behind its first line
GOOD = b"HTTP/1.1 200 OK\r\n" + REST


class Garbage(NamedTuple):
    """What a server writes instead of an answer."""

    raw: bytes
    failure: str | None = None  # how our client calls it; None: it is an answer, of a wrong kind
    closes: bool = False  # whether the server ends the connection then, or else waits


# No answers at all: what other protocols say, and what breaks a rule of this one.
MALFORMED = {
    "HTTP/0.9": BODY,
    "HTML": b"<html><body>Bad gateway</body></html>",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 frame": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    "an HTTP/2 status line": b"HTTP/2.0 200 OK\r\n" + REST,
    "a version from the future": b"HTTP/9.9 200 OK\r\n" + REST,
    "a version without a point": b"HTTP/11 200 OK\r\n" + REST,
    "a protocol in small letters": b"http/1.1 200 ok\r\n" + REST,
    "an Icecast status line": b"ICY 200 OK\r\n" + REST,
    "an RTSP status line": b"RTSP/1.0 200 OK\r\n" + REST,
    "an ICE status line": b"ICE/1.0 200 OK\r\n" + REST,
    "a status line without a version": b"HTTP 200 OK\r\n" + REST,
    "nulls": b"\0" * 64,
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a TLS server's hello": b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + b"\xab" * 64,
    "an SMTP greeting": b"220 mail.example ESMTP\r\n",
    "an SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n",
    "an IMAP greeting": b"* OK IMAP4rev1 ready\r\n",
    "a POP3 greeting": b"+OK ready\r\n",
    "a Redis error": b"-ERR unknown command 'POST'\r\n",
    "a MySQL handshake": b"\x4a\x00\x00\x00\x0a8.0.36\x00" + b"\x01" * 40,
    "a websocket frame": b"\x81\x7e\x00\x7f" + b"x" * 127,
    "UTF-16": "HTTP/1.1 200 OK\r\n\r\n".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "a gzipped answer": gzip.compress(GOOD, mtime=0),
    "a request": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "our own request": b"POST / HTTP/1.1\r\nHost: h\r\n" + REST,
    "a status of two digits": b"HTTP/1.1 20 OK\r\n" + REST,
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n" + REST,
    "a status in words": b"HTTP/1.1 OK OK\r\n" + REST,
    "a negative status": b"HTTP/1.1 -200 OK\r\n" + REST,
    "status 000": b"HTTP/1.1 000 OK\r\n" + REST,
    "status 999": b"HTTP/1.1 999 OK\r\n" + REST,
    "switching protocols": b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n" + BODY,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a signed length": HEAD + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "a length that is no number": HEAD + b"Content-Length: two\r\n\r\n" + BODY,
    "a hexadecimal length": HEAD + b"Content-Length: 0x20\r\n\r\n" + BODY,
    "a length with a point": HEAD + b"Content-Length: 32.0\r\n\r\n" + BODY,
    "an empty length": HEAD + b"Content-Length:\r\n\r\n" + BODY,
    "a list of lengths": HEAD + b"Content-Length: 32, 32\r\n\r\n" + BODY,
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "two lengths": HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "the same length twice": HEAD + LENGTH + LENGTH + b"\r\n" + BODY,
    "a length and a coding": HEAD + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "a coding and a length": HEAD + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    "an unknown coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + BODY,
    "chunked, then another": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKS,
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + CHUNKS,
    "a chunk size that is no number": CHUNKED + b"zz\r\n%b\r\n0\r\n\r\n" % BODY,
    "a negative chunk size": CHUNKED + b"-2\r\n%b\r\n0\r\n\r\n" % BODY,
    "a chunk without a size": CHUNKED + b"\r\n%b\r\n0\r\n\r\n" % BODY,
    "a chunk longer than it says": CHUNKED + b"1\r\n%b\r\n0\r\n\r\n" % BODY,
    "a chunk size beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\n" + BODY,
    "a header without a colon": HEAD + b"Content-Length 32\r\n\r\n" + BODY,
    "a header without a name": HEAD + b": 32\r\n" + LENGTH + b"\r\n" + BODY,
    "a space before the colon": HEAD + b"Content-Length : 32\r\n\r\n" + BODY,
    "a null in a header": HEAD + b"X: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "a null in a header's name": HEAD + b"X\0: a\r\n" + LENGTH + b"\r\n" + BODY,
    "a control character in a header": HEAD + b"X: a\x01b\r\n" + LENGTH + b"\r\n" + BODY,
    "no ASCII in a header's name": HEAD + "Имя: x\r\n".encode() + LENGTH + b"\r\n" + BODY,
    "a second answer at once": GOOD + GOOD,
    "bytes after the answer": GOOD + b"garbage",
    "bytes after an answer that closes": HEAD + b"Connection: close\r\n" + LENGTH + b"\r\n" + BODY
    + b"HTTP/1.1 200 OK\r\n",
}  # fmt: skip

TOO_LARGE = {
    "one huge header": HEAD + b"X: " + b"x" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "one endless header": HEAD + b"X: " + b"x" * HUGE,
    "many headers": HEAD + b"X: y\r\n" * 5_000,
    "a head that never ends": HEAD + b"X: " + b"x" * 20_000,
    "an endless reason": b"HTTP/1.1 200 " + b"O" * HUGE,
    "an endless header name": HEAD + b"X" * HUGE,
    "endless interim answers": b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 5_000,
    "a long body": HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * HUGE,
    "a long body without a length": HEAD + b"\r\n" + b"x" * HUGE,
    "many chunks": CHUNKED + b"1\r\nx\r\n" * HUGE,
    "an endless chunk extension": CHUNKED + b"1;" + b"x" * HUGE,
    "an endless trailer": CHUNKED + b"0\r\nX: " + b"x" * HUGE,
}

TRUNCATED = {
    "closed in the status line": b"HTTP/1",
    "closed in the head": HEAD + b"Content-Le",
    "closed in the body": HEAD + b"Content-Length: 33\r\n\r\n" + BODY,
    "closed in a chunk": CHUNKED + b"21\r\n" + BODY,
    "closed before the last chunk": CHUNKED + b"20\r\n%b\r\n" % BODY,
    "closed before the trailer's end": CHUNKED + b"20\r\n%b\r\n0\r\nX: y\r\n" % BODY,
    "closed after a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
}

SILENT = {
    "silence": b"",
    "silence in the head": HEAD,
    "silence in the body": HEAD + b"Content-Length: 33\r\n\r\n" + BODY,
    "silence in a chunk": CHUNKED + b"21\r\n" + BODY,
    "silence without a length": HEAD + b"\r\n" + BODY,
}

# Bodies of a success that are not the contract's.
BODIES = {
    "nothing": b"",
    "HTML": b"<html>200 OK</html>",
    "XML": b"<?xml version='1.0'?><id>g-1</id><status>accepted</status>",
    "a form": b"id=g-1&status=accepted",
    "YAML": b"id: g-1\nstatus: accepted\n",
    "a truncated object": BODY[:-1],
    "something after the object": BODY + b"x",
    "two objects": BODY + BODY,
    "a guard before the object": b")]}',\n" + BODY,
    "a callback around the object": b"callback(%b);" % BODY,
    "apostrophes": BODY.replace(b'"', b"'"),
    "a comma too many": BODY.replace(b"}", b",}"),
    "a comment": BODY.replace(b",", b",/* ok */"),
    "an object in a text": b'"%b"' % BODY.replace(b'"', b'\\"'),
    "an object in an object": b'{"result":%b}' % BODY,
    "another status": b'{"id":"g-1","status":"rejected"}',
    "a status in capitals": b'{"id":"g-1","status":"ACCEPTED"}',
    "a status with a space": b'{"id":"g-1","status":"accepted "}',
    "a status as a list": b'{"id":"g-1","status":["accepted"]}',
    "true as status": b'{"id":"g-1","status":true}',
    "no status": b'{"id":"g-1"}',
    "no id": b'{"status":"accepted"}',
    "names in capitals": b'{"ID":"g-1","STATUS":"accepted"}',
    "an empty id": b'{"id":"","status":"accepted"}',
    "an id of 201 characters": b'{"id":"%b","status":"accepted"}' % (b"x" * 201),
    "a number as id": b'{"id":1,"status":"accepted"}',
    "null as id": b'{"id":null,"status":"accepted"}',
    "an object as id": b'{"id":{},"status":"accepted"}',
    "a null character in the id": b'{"id":"g\\u0000","status":"accepted"}',
    "a line break in the id": b'{"id":"g\\n","status":"accepted"}',
    "half a surrogate pair in the id": b'{"id":"\\ud800","status":"accepted"}',
    "no UTF-8 in the id": b'{"id":"\xff","status":"accepted"}',
    "UTF-16": BODY.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "gzip that nobody spoke of": gzip.compress(BODY, mtime=0),
    "deflate that nobody spoke of": zlib.compress(BODY),
    "a list": b"[" + BODY + b"]",
    "a string": b'"accepted"',
    "null": b"null",
    "a number": b"200",
    "nulls": b"\0" * 50,
    "random bytes": bytes(range(256)),
    "a deep nesting": b'{"x":' * 10_000,
    "deep brackets": b'{"x":' + b"[" * 60_000,
    "a number that is infinite": b'{"id":"g-1","status":1e999999}',
}

# Headers of a success that say the body is of another kind.
TYPES = {
    "no type": b"",
    "a type of HTML": b"Content-Type: text/html\r\n",
    "a type of text": b"Content-Type: text/plain\r\n",
    "a type that begins like JSON": b"Content-Type: application/jsonx\r\n",
    "two types in one": b"Content-Type: application/json, application/json\r\n",
    "gzip": b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
    "two codings": b"Content-Type: application/json\r\nContent-Encoding: identity, gzip\r\n",
}

# Statuses with which the contract's body means nothing.
STATUSES = (
    203,
    204,
    205,
    206,
    226,
    299,
    300,
    302,
    304,
    307,
    400,
    404,
    409,
    418,
    422,
    500,
    502,
    504,
)


def _answer(status: int, headers: bytes, body: bytes) -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"HTTP/1.1 %d X\r\n%b%b%b" % (status, headers, length, body)


KINDS: dict[str, Garbage] = {
    **{name: Garbage(raw, "malformed") for name, raw in MALFORMED.items()},
    **{name: Garbage(raw, "too_large") for name, raw in TOO_LARGE.items()},
    **{name: Garbage(raw, "truncated", closes=True) for name, raw in TRUNCATED.items()},
    "closed at once": Garbage(b"", "closed", closes=True),
    **{name: Garbage(raw, "timeout") for name, raw in SILENT.items()},
    **{f"body: {name}": Garbage(_answer(200, JSON, raw)) for name, raw in BODIES.items()},
    **{f"type: {name}": Garbage(_answer(200, raw, BODY)) for name, raw in TYPES.items()},
    **{
        f"status: {status}": Garbage(_answer(status, JSON, b"" if status in {204, 304} else BODY))
        for status in STATUSES
    },
}
