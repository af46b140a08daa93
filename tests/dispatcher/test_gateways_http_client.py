"""The HTTP client against servers that do what they should not."""

import asyncio
import operator
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
import uvloop

from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.client import HttpClient
from services.dispatcher.gateways.http.connection import Connection
from services.dispatcher.gateways.http.endpoint import parse_endpoint
from tests.dispatcher import garbage_http

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

TLS = Path(__file__).parent / "tls"
REQUEST = b"POST /m HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LONG = 60.0  # seconds; no test waits for it
SHORT = 0.15
LATE = 1.0  # by how much a busy machine may be late


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port; end every connection and every handler afterwards."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(on_connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def client_to(
    port: int,
    connections: int = 4,
    *,
    idle: float = 4,
    connect: float = 2,
    url: str = "http://127.0.0.1:{}/m",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[HttpClient]:
    client = HttpClient(
        url.format(port),
        connections=connections,
        idle_timeout=timedelta(seconds=idle),
        connect_timeout=timedelta(seconds=connect),
        tls=tls,
    )
    try:
        yield client
    finally:
        async with asyncio.timeout(60):
            await client.close()


# What a user cannot see: which connections there are, and the clock that cuts them.


def connections_of(client: HttpClient) -> set[Connection]:
    return client._connections  # noqa: SLF001 - see above


def set_clock(client: HttpClient, now: Callable[[], float]) -> None:
    client._now = now  # noqa: SLF001 - see above


def sweep(client: HttpClient) -> None:
    client._sweep()  # noqa: SLF001 - a timer calls it otherwise


def ask(
    client: HttpClient, within: float = LONG, request: bytes = REQUEST
) -> asyncio.Future[Answer]:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Answer] = loop.create_future()
    client.start(request, loop.time() + within, answered.set_result)
    assert not answered.done()
    return answered


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    return head + await reader.readexactly(length)


async def eventually(condition: Callable[[], bool], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the only place that polls
            await asyncio.sleep(0.005)


def saying(*pieces: bytes, closes: bool) -> Handler:
    """Answer the first request of each connection with these pieces, one segment each."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if not closes:
            await reader.read()

    return handler


async def obliging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(OK)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

WELL_FORMED = {
    "plain": (OK, 200, b"{}"),
    "lower case names": (HEAD + b"content-length: 2\r\n\r\n{}", 200, b"{}"),
    "chunked": (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, b"{}"),
    "chunked with extension": (CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", 200, b"{}"),
    "chunked with trailer": (
        CHUNKED + b"2\r\n{}\r\n0\r\nContent-Type: text/html\r\n\r\n",
        200,
        b"{}",
    ),
    "after a 100": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"{}"),
    "after a 103 with headers": (
        b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n" + OK,
        200,
        b"{}",
    ),
    "empty": (HEAD + b"Content-Length: 0\r\n\r\n", 200, b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", 204, b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
    "an error": (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 503, b"busy"),
    "nulls in the body": (HEAD + b"Content-Length: 2\r\n\r\n\0\0", 200, b"\0\0"),
    "a body as long as allowed": (
        HEAD + b"Content-Length: 65536\r\n\r\n" + b"x" * 65_536,
        200,
        b"x" * 65_536,
    ),
}


@pytest.mark.parametrize("row", WELL_FORMED)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
async def test_a_well_formed_answer_is_read_whole_however_it_is_cut(row: str, piece: int) -> None:
    raw, status, body = WELL_FORMED[row]
    if len(raw) > 1_000 and piece < 1_000:
        piece = 1_021
    pieces = [raw[at : at + piece] for at in range(0, len(raw), piece)]

    async with serving(saying(*pieces, closes=False)) as port, client_to(port) as client:
        answer = await ask(client)

    assert (answer.failure, answer.status, answer.body) == (None, status, body)
    assert answer.was_sent
    assert answer.content_type in {"", "application/json"}


async def test_an_answer_without_a_length_ends_when_the_server_closes() -> None:
    handler = saying(HEAD + b"Content-Type: a/b\r\n\r\n{", b"}", closes=True)

    async with serving(handler) as port, client_to(port) as client:
        answer = await ask(client)

    assert answer == Answer(200, "a/b", b"{}", None, was_sent=True)


FAILURES = [
    (name, each.raw, each.closes, each.failure)
    for name, each in garbage_http.KINDS.items()
    if each.failure is not None
]


@pytest.mark.parametrize(
    ("raw", "closes", "failure"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
@pytest.mark.parametrize("piece", [1 << 20, 997])
async def test_whatever_is_no_answer_fails_and_spoils_nothing(
    *, raw: bytes, closes: bool, failure: str, piece: int
) -> None:
    pieces = [raw[at : at + piece] for at in range(0, len(raw), piece)]
    requests = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        first = saying(*pieces, closes=closes)
        await (first if requests == 1 else obliging)(reader, writer)

    async with serving(handler) as port, client_to(port, 1) as client:
        answer = await ask(client, SHORT if failure == "timeout" else LONG)
        await eventually(lambda: client.free == 1)
        following = await ask(client)

    assert (answer.failure, answer.was_sent) == (failure, True)
    assert len(answer.body) < 90_000
    assert following == Answer(200, "application/json", b"{}", None, was_sent=True)


@pytest.mark.parametrize("asked", [1, 2], ids=["an answer", "answers with one head"])
async def test_bytes_that_arrive_when_nothing_is_asked_end_the_connection(asked: int) -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await obliging(reader, writer)
        for _ in range(asked):
            await read_request(reader)
            writer.write(OK)
        await allowed.wait()
        writer.write(OK.replace(b"{}", b"[]"))
        await reader.read()

    allowed = asyncio.Event()
    async with serving(handler) as port, client_to(port, 1, idle=60) as client:
        before = [await ask(client) for _ in range(asked)]
        allowed.set()
        await eventually(lambda: not connections_of(client))
        after = await ask(client)

    assert [each.body for each in (*before, after)] == [b"{}"] * (asked + 1)
    assert connections == 2


async def test_a_drip_of_bytes_is_cut_off_at_the_deadline_and_never_later() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + b"X: ")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.01)

    loop = asyncio.get_running_loop()
    async with serving(slow) as port, client_to(port) as client:
        start = loop.time()
        answers = await asyncio.gather(*(ask(client, within) for within in (0.1, 0.15, 0.2)))
        took = loop.time() - start

    assert [answer.failure for answer in answers] == ["timeout"] * 3
    assert 0.18 <= took <= 0.2 + LATE


async def test_a_request_ends_a_moment_before_its_deadline_rather_than_after_it() -> None:
    async with serving(saying(closes=False)) as port, client_to(port, 1) as client:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        deadline = loop.time() + LONG
        client.start(REQUEST, deadline, answered.set_result)
        await eventually(lambda: all(c.was_made for c in connections_of(client)))

        for before, is_over in ((0.1, False), (0.01, True)):
            set_clock(client, partial(operator.sub, deadline, before))
            sweep(client)
            assert answered.done() == is_over

    assert answered.result().failure == "timeout"


async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async with serving(obliging) as port, client_to(port) as client:
        answer = await ask(client, 0.0)
        assert not connections_of(client)

    assert (answer.failure, answer.was_sent) == ("timeout", False)


async def test_a_refused_connection_fails_at_once_as_not_sent_and_is_tried_again_later() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async with client_to(port, 1) as client:
            for _ in range(3):
                answer = await ask(client)

                assert (answer.failure, answer.was_sent) == ("connect_failed", False)
                assert client.free == 1


async def test_a_name_that_cannot_exist_leads_nowhere() -> None:
    async with client_to(80, url=f"http://{'x' * 70}.invalid/") as client:
        answer = await ask(client)

    assert (answer.failure, answer.was_sent) == ("dns_failed", False)


@pytest.mark.parametrize(
    ("within", "connect"), [(SHORT, LONG), (LONG, SHORT)], ids=["deadline", "own limit"]
)
async def test_a_connection_that_hangs_is_given_up_as_not_sent(
    within: float, connect: float
) -> None:
    with socket.socket() as full:  # its backlog is full, so nobody gets through
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.settimeout(0)
            other.connect_ex(full.getsockname())

        async with client_to(full.getsockname()[1], 1, connect=connect) as client:
            async with asyncio.timeout(LONG / 2):
                answer = await ask(client, within)
            await eventually(lambda: client.free == 1)

        for other in others:
            other.close()

    assert answer.was_sent is False
    assert answer.failure == "connect_timeout"


async def test_a_kept_connection_is_used_again_and_the_last_one_first() -> None:
    connections: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        number = len(connections) - 1
        while True:
            await read_request(reader)
            connections[number] += 1
            writer.write(OK)

    async with serving(handler) as port, client_to(port, 3) as client:
        await asyncio.gather(*(ask(client) for _ in range(3)))
        for _ in range(10):
            await ask(client)

    assert sorted(connections) == [1, 1, 11]


@pytest.mark.parametrize(
    "header",
    [
        b"Connection: close",
        b"Connection: x, Close",
        b"Keep-Alive: timeout=1",
        b"Keep-Alive: a, timeout=0",
    ],
)
async def test_a_connection_that_the_server_will_close_is_not_used_again(header: bytes) -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(HEAD + header + b"\r\nContent-Length: 2\r\n\r\n{}")

    async with serving(handler) as port, client_to(port, 1) as client:
        for _ in range(3):
            answer = await ask(client)
            assert answer.failure is None
            await eventually(lambda: client.free == 1)

    assert connections == 3


async def test_an_idle_connection_is_closed_before_the_server_does_it() -> None:
    ended = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await reader.read()
        ended.set()

    async with serving(handler) as port, client_to(port, 1, idle=0.1) as client:
        await ask(client)
        async with asyncio.timeout(60):
            await ended.wait()
        await eventually(lambda: not connections_of(client))
        assert client.free == 1


async def test_a_connection_that_has_rested_too_long_is_not_used_though_it_is_not_closed_yet() -> (
    None
):
    async with serving(obliging) as port, client_to(port, 1, idle=LONG / 4) as client:
        loop = asyncio.get_running_loop()
        await ask(client)
        (rested,) = connections_of(client)
        set_clock(client, lambda: loop.time() + LONG / 2)

        answer = await ask(client)

        assert rested not in connections_of(client)
    assert answer.failure is None


async def test_a_server_that_closes_an_idle_connection_costs_no_request() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)

    async with serving(handler) as port, client_to(port, 1) as client:
        for _ in range(5):
            assert (await ask(client)).failure is None
            await eventually(lambda: not connections_of(client))


class Hasty:
    """A server that answers one request per connection and closes at once, in a thread.

    `closed` is set when the kernel has the answer and the FIN: what is written later is lost.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # the end
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    request = connection.recv(1_000)
                    if request == b"end":
                        return
                    self.requests += bool(request)
                    connection.sendall(OK if request else b"")
                self.closed.set()

    def end(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"end")
        self._thread.join()
        self._socket.close()


def on_uvloop() -> asyncio.AbstractEventLoop:
    return uvloop.new_event_loop()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, on_uvloop])
def test_a_connection_that_the_server_closed_right_after_its_answer_is_never_used_again(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    hasty, answers = Hasty(), list[Answer]()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def answered(answer: Answer) -> None:
            answers.append(answer)
            if answer.failure is None:
                hasty.closed.wait(10)  # the loop has read the answer, and not yet the FIN
                hasty.closed.clear()
            loop.call_soon(ended.set_result if len(answers) == 500 else start, None)

        def start(_: None) -> None:
            client.start(REQUEST, loop.time() + LONG, answered)

        async with client_to(hasty.port, 4) as client:
            start(None)
            await ended

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(run())
    finally:
        hasty.end()

    assert Counter(answer.failure for answer in answers) == {None: 500}
    assert hasty.requests == 500


async def test_what_is_lost_while_its_connection_is_opened_was_sent_over_it() -> None:
    class Lossy(HttpClient):
        """Lose the connection between its making and the end of the task that makes it."""

        def _opened(self, connection: Connection, task: asyncio.Task[None]) -> None:
            connection._transport.abort()  # type: ignore[union-attr] # noqa: SLF001 - as a network does
            super()._opened(connection, task)

    async with serving(obliging) as port:
        client = Lossy(f"http://127.0.0.1:{port}/m", connections=1)
        answer = await ask(client)
        await client.close()

    assert (answer.failure, answer.was_sent) == ("closed", True)


async def test_a_connection_that_is_closed_before_the_request_carries_nothing_of_it() -> None:
    closing = socket.create_server(("127.0.0.1", 0))
    with closing:
        async with client_to(closing.getsockname()[1], 1) as client:
            asked = ask(client)
            closing.setblocking(True)  # noqa: FBT003
            while not client._opening:  # noqa: ASYNC110, SLF001 - no user is told
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            accepted, _ = closing.accept()  # in the kernel it is there, in the loop not yet
            accepted.close()
            answer = await asked

    assert (answer.failure, answer.was_sent) == ("closed", False)


async def test_a_request_that_dies_on_a_kept_connection_counts_as_sent_and_goes_out_once() -> None:
    requests = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await read_request(reader)
        writer.write(OK)
        await read_request(reader)
        requests += 1
        writer.transport.abort()

    async with serving(handler) as port, client_to(port, 1) as client:
        await ask(client)
        answer = await ask(client)

    assert answer.failure in {"closed", "reset"}
    assert (answer.was_sent, requests) == (True, 1)


async def test_an_early_answer_to_a_large_request_is_taken_and_the_connection_dropped() -> None:
    request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too long\r\nContent-Length: 0\r\n\r\n")
        await release.wait()

    release = asyncio.Event()
    async with serving(hasty) as port, client_to(port, 1, idle=60) as client:
        answer = await ask(client, request=request)
        await eventually(lambda: not connections_of(client))
        release.set()

    assert (answer.status, answer.failure) == (413, None)


async def test_a_large_request_arrives_whole() -> None:
    lengths: list[int] = []
    request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lengths.append(len(await read_request(reader)))
        writer.write(OK)
        await reader.read()

    async with serving(handler) as port, client_to(port, 1) as client:
        answer = await ask(client, request=request)

    assert answer.failure is None
    assert lengths == [len(request)]


async def test_close_cuts_off_everything_and_each_request_learns_it_once() -> None:
    async with serving(saying(closes=False)) as port, client_to(port, 8) as client:
        asked = [ask(client) for _ in range(4)]
        await eventually(lambda: all(c.was_made for c in connections_of(client)))
        asked += [ask(client) for _ in range(4)]
        async with asyncio.timeout(60):
            await client.close()

        assert [future.result().failure for future in asked] == ["cut_off"] * 8
        assert [future.result().was_sent for future in asked] == [True] * 4 + [False] * 4
        assert client.free == 0
        with pytest.raises(RuntimeError):
            ask(client)


async def test_a_receiver_that_raises_harms_neither_connection_nor_others() -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def careless(_: Answer) -> None:
        message = "careless"
        raise ValueError(message)

    async with serving(obliging) as port, client_to(port, 1) as client:
        client.start(REQUEST, loop.time() + LONG, careless)
        await eventually(lambda: client.free == 1)
        only = next(iter(connections_of(client)))
        answer = await ask(client)
        assert only in connections_of(client)

    assert (answer.failure, reported) == (None, ["careless"])


async def test_nothing_free_is_refused_and_frees_again() -> None:
    async with serving(obliging) as port, client_to(port, 2) as client:
        asked = [ask(client), ask(client)]
        assert client.free == 0
        with pytest.raises(RuntimeError):
            ask(client)

        await asyncio.gather(*asked)

        assert client.free == 2


def saying_in_turn(*answers: bytes) -> Handler:
    """Answer one request after the other on each connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()
        await reader.read()

    return handler


@pytest.mark.parametrize(
    "second",
    [
        OK,
        OK.replace(b"{}", b"[]"),
        OK.replace(b"200 OK", b"500 No"),
        OK.replace(b": 2", b": 3").replace(b"{}", b"{ }"),
        OK + b"\r\n",
        OK.replace(b"{}", b"\r\n{}"),
        OK + b"{}",
        OK[:-1],
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
        *garbage_http.MALFORMED.values(),
    ],
)
@pytest.mark.parametrize(
    "first",
    [OK, OK + b"\r\n", OK.replace(b"{}", b"\r\n") + b"\r\n", CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"],
)
async def test_an_answer_is_read_the_same_whatever_came_before(
    first: bytes, second: bytes
) -> None:
    async with serving(saying_in_turn(second)) as port, client_to(port, 1) as client:
        alone = await ask(client, LATE)

    async with serving(saying_in_turn(first, second)) as port, client_to(port, 1) as client:
        before = await ask(client)
        after = await ask(client, LATE)

    assert (before.failure, len(before.body)) == (None, 2)
    assert after == alone


class Storm:
    """Numbered requests with random deadlines, as many at once as are free."""

    def __init__(self, client: HttpClient, chance: random.Random, total: int) -> None:
        self.client = client
        self.ended = [0] * total
        self.strays: list[bytes] = []
        self.most = self.started = 0
        self._chance = chance
        self._loop = asyncio.get_running_loop()

    def is_over(self) -> bool:
        """Return whether all have ended; if not, go on.

        A busy machine may have all of them time out while they connect, in one turn of the loop:
        each ends before its connection is gone, and no end finds one free.
        """
        self.start()
        return sum(self.ended) >= len(self.ended)

    def start(self) -> None:
        while self.client.free and self.started < len(self.ended):
            place = self.started
            self.started += 1
            request = REQUEST.replace(b"{}", b"%02d" % (place % 100))
            deadline = self._loop.time() + self._chance.choice([0.0, 0.05, 0.1])
            self.client.start(request, deadline, partial(self._end, place))
        self.most = max(self.most, len(connections_of(self.client)))

    def _end(self, place: int, answer: Answer) -> None:
        self.ended[place] += 1
        if answer.failure is None and answer.body.strip(b"x") not in {
            b"",
            b"%02d" % (place % 100),
        }:
            self.strays.append(answer.body)
        self._loop.call_soon(self.start)


def stormy(chance: random.Random) -> Handler:
    """Answer now well, now badly, now half, now late, now never, with the request's own body."""
    answers = [OK] * 12 + [*garbage_http.MALFORMED.values(), *garbage_http.TOO_LARGE.values()]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chance.random() > 0.02:
            number = (await read_request(reader))[-2:]
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
            if chance.random() < 0.03:
                await reader.read()
            answer = chance.choice(answers)
            cut = len(answer) if chance.random() < 0.9 else chance.randrange(len(answer))
            writer.write(answer[:cut].replace(b"\n{}", b"\n" + number))
            await writer.drain()

    return handler


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_in_a_storm_each_request_ends_once_and_the_limit_holds(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    async with serving(stormy(chance)) as port, client_to(port, 8) as client:
        storm = Storm(client, chance, 600)
        await eventually(storm.is_over, within=60)
        await eventually(lambda: client.free == 8)

    assert storm.ended == [1] * 600
    assert storm.strays == []
    assert storm.most <= 8


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "gateway.pem", TLS / "gateway.key")
    return context


async def test_tls_with_a_known_authority_and_the_right_name_works() -> None:
    trusting = ssl.create_default_context(cafile=TLS / "ca.pem")

    async with (
        serving(obliging, server_tls()) as port,
        client_to(port, 1, url="https://localhost:{}/m", tls=trusting) as client,
    ):
        answers = [await ask(client) for _ in range(3)]

    assert [answer.failure for answer in answers] == [None] * 3


@pytest.mark.parametrize(
    ("url", "cafile"),
    [("https://localhost:{}/m", None), ("https://127.0.0.1:{}/m", TLS / "ca.pem")],
    ids=["unknown authority", "another name"],
)
async def test_tls_without_proof_of_the_other_side_sends_nothing(
    url: str, cafile: Path | None
) -> None:
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(OK)

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's complaint
    trusting = ssl.create_default_context(cafile=cafile)
    async with (
        serving(handler, server_tls()) as port,
        client_to(port, 1, url=url, tls=trusting) as client,
    ):
        answer = await ask(client)
        await eventually(lambda: client.free == 1)

    assert (answer.failure, answer.was_sent, requests) == ("tls_failed", False, [])


async def test_a_server_that_hangs_in_the_tls_handshake_is_given_up_as_not_sent() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port, client_to(port, 1, url="https://localhost:{}/") as client:
        answer = await ask(client, SHORT)

    assert (answer.failure, answer.was_sent) == ("connect_timeout", False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://host", ("host", 80, False, "host", "/")),
        ("https://host/a/b?c=d", ("host", 443, True, "host", "/a/b?c=d")),
        ("http://host:8080?x=1", ("host", 8080, False, "host:8080", "/?x=1")),
        ("https://[::1]:8443/m", ("::1", 8443, True, "[::1]:8443", "/m")),
        ("http://[2001:db8::1]/", ("2001:db8::1", 80, False, "[2001:db8::1]", "/")),
        ("HTTP://Host:80/", ("host", 80, False, "host", "/")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: tuple[object, ...]) -> None:
    assert parse_endpoint(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "ftp://host/",
        "http://",
        "http://user:secret@host/",
        "http://host/#part",
        "http://host/\r\nX: y",
        "http://host/a b",
        "http://hôte/",
        "http://host:99999/",
        "http://host:port/",
        "http://[::1/",
    ],
)
def test_what_is_no_gateway_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort|IPv6"):
        parse_endpoint(url)
