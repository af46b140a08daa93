"""All garbage there is, against the gateways: nothing of it is an acceptance, or stays."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Tls
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from tests.dispatcher import garbage_http, garbage_smtp
from tests.dispatcher.garbage_http import GOOD, Garbage
from tests.dispatcher.mailserver import MailServer, Replies

SHORT, LONG = 0.1, 10.0  # seconds: of what never answers, and a bound that nothing reaches
PASSES = 2
MOST_GROWTH = 2 * 2**20  # bytes; far below the 20 MB that are promised

OF_HTTP = list(garbage_http.KINDS.values())
# Each reply at each step, each conversation; and what takes its time, at the step that matters.
STEPS = ("", "EHLO", "MAIL", "RCPT", "DATA", ".")
OF_SMTP: list[tuple[Replies, float]] = [
    *(({step: raw}, LONG) for raw in garbage_smtp.REPLIES.values() for step in STEPS),
    *(({".": raw}, SHORT) for raw in garbage_smtp.UNFINISHED.values()),
    *((replies, LONG) for replies in garbage_smtp.CONVERSATIONS.values()),
]


def test_there_are_as_many_kinds_as_are_promised() -> None:
    assert len(garbage_http.KINDS) >= 100
    assert len({each.raw + bytes([each.closes]) for each in OF_HTTP}) == len(garbage_http.KINDS)
    assert len(set(garbage_smtp.KINDS)) == len(garbage_smtp.KINDS) >= 60
    assert len(set(garbage_smtp.REPLIES.values())) == len(garbage_smtp.REPLIES)


class GarbageServer:
    """An HTTP server that answers each message with the kind of garbage that its id has."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # early releases of Python 3.11 and 3.12 report a server's task that is cancelled
        finally:
            writer.close()
            self.tasks.discard(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
            kind = head.partition(b'Idempotency-Key: "')[2].partition(b'"')[0]
            garbage = OF_HTTP[int(kind)] if kind.isdigit() else Garbage(GOOD)
            writer.write(garbage.raw)
            await writer.drain()
            if garbage.closes:
                return


@asynccontextmanager
async def http_gateway(connections: int = 16) -> AsyncIterator[HttpGateway]:
    other = GarbageServer()
    server = await asyncio.start_server(other.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateway = HttpGateway(f"http://127.0.0.1:{port}/messages", connections=connections)
    try:
        yield gateway
    finally:
        await gateway.close()
        server.close()
        for task in list(other.tasks):
            task.cancel()
        await asyncio.gather(*other.tasks, return_exceptions=True)


@asynccontextmanager
async def smtp_gateway(server: MailServer) -> AsyncIterator[SmtpGateway]:
    endpoint = Endpoint("127.0.0.1", server.port, Tls.NONE)
    gateway = SmtpGateway(endpoint, sender="news@shop.example", connections=1)
    try:
        yield gateway
    finally:
        await gateway.close()


class Sending:
    """Sends messages, and counts how often each is answered."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.answers: list[list[Verdict]] = []

    async def send(self, message_id: bytes, within: float) -> Verdict:
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        answers: list[Verdict] = []
        self.answers.append(answers)

        def done(verdict: Verdict) -> None:
            answers.append(verdict)
            answered.set()

        message = OutgoingMessage(
            message_id, "79161234567", "anna@example.com", "News", "Good day", b""
        )
        self.gateway.send(message, loop.time() + within, done)
        assert not answers, "done is never called before send returns"
        await answered.wait()
        return answers[0]

    @property
    def is_once_each(self) -> bool:
        return {len(each) for each in self.answers} <= {1}


@pytest_asyncio.fixture(loop_scope="function")
async def raised() -> AsyncIterator[list[dict[str, Any]]]:
    """Give what has been raised in the event loop, where nobody catches it."""
    found: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(context))
    yield found
    loop.set_exception_handler(None)


def within_s(garbage: Garbage) -> float:
    return SHORT if garbage.failure == "timeout" else LONG


@pytest.mark.parametrize("name", garbage_http.KINDS)
async def test_garbage_in_the_place_of_an_http_answer_is_no_acceptance_and_spoils_nothing(
    name: str, raised: list[dict[str, Any]]
) -> None:
    kind = list(garbage_http.KINDS).index(name)
    async with http_gateway(1) as gateway:
        sending = Sending(gateway)
        verdict = await sending.send(b"%d" % kind, within_s(OF_HTTP[kind]))
        following = await sending.send(b"good", LONG)

    assert verdict.outcome is not Outcome.ACCEPTED
    if (failure := OF_HTTP[kind].failure) is not None:
        assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, failure)
    assert following.outcome is Outcome.ACCEPTED
    assert sending.is_once_each
    assert raised == []


@pytest.mark.parametrize("name", [*garbage_smtp.UNFINISHED, *garbage_smtp.CONVERSATIONS])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_garbage_in_an_smtp_conversation_is_no_acceptance_and_spoils_nothing(
    name: str, raised: list[dict[str, Any]], *, pipelining: bool
) -> None:
    unfinished = garbage_smtp.UNFINISHED
    talks: list[tuple[Replies, float]] = (
        [({step: unfinished[name]}, SHORT) for step in STEPS]
        if name in unfinished
        else [(garbage_smtp.CONVERSATIONS[name], LONG)]
    )
    for replies, within in talks:
        async with MailServer(pipelining=pipelining) as server, smtp_gateway(server) as gateway:
            sending = Sending(gateway)
            server.replies = replies
            verdict = await sending.send(b"m" * 43, within)
            server.replies = {}
            following = await sending.send(b"n" * 43, LONG)

        assert verdict.outcome is not Outcome.ACCEPTED
        if "." not in replies:
            assert verdict.outcome in {Outcome.NOT_PROCESSED, Outcome.REFUSED}
        assert following.outcome is Outcome.ACCEPTED
        assert sending.is_once_each
    assert raised == []


async def pass_of_http(sending: Sending) -> None:
    """Send a message for each kind, as many at once as there are connections."""
    room = asyncio.Semaphore(sending.gateway.free)

    async def send(kind: int) -> None:
        async with room:
            verdict = await sending.send(b"%d" % kind, within_s(OF_HTTP[kind]))
        assert verdict.outcome is not Outcome.ACCEPTED

    await asyncio.gather(*map(send, range(len(OF_HTTP))))


async def pass_of_smtp(sending: Sending, server: MailServer, numbers: Iterator[int]) -> None:
    """Send a mail for each kind at each step, one after the other."""
    for replies, within in OF_SMTP:
        server.replies = replies
        verdict = await sending.send(b"m%d" % next(numbers), within)
        assert verdict.outcome is not Outcome.ACCEPTED
        for task in list(server.tasks):  # so that the next one begins with a greeting
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
    server.taken.clear()
    server.commands.clear()


def growth_since(before: int) -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Give what returns how many bytes Python holds."""
    tracemalloc.start()
    yield lambda: growth_since(0)
    tracemalloc.stop()


async def test_passes_over_all_garbage_of_http_leave_nothing_behind(
    traced: Callable[[], int],
) -> None:
    async with http_gateway() as gateway:
        await pass_of_http(Sending(gateway))  # until all that stays is there
        before = traced()
        for _ in range(PASSES):
            sending = Sending(gateway)
            await pass_of_http(sending)
            assert sending.is_once_each
            sending.answers.clear()

        assert traced() - before < MOST_GROWTH


async def test_passes_over_all_garbage_of_smtp_leave_nothing_behind(
    traced: Callable[[], int],
) -> None:
    numbers = count()
    async with MailServer() as server, smtp_gateway(server) as gateway:
        await pass_of_smtp(Sending(gateway), server, numbers)  # as above
        before = traced()
        for _ in range(PASSES):
            sending = Sending(gateway)
            await pass_of_smtp(sending, server, numbers)
            assert sending.is_once_each
            sending.answers.clear()

        assert traced() - before < MOST_GROWTH
