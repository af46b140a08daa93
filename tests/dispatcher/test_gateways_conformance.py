"""What every gateway must do, whatever is behind it. A new one gets a `Bed` here, and passes."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Gateway
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import read
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.gateways.log import LogGateway
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Tls
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from tests.dispatcher.mailserver import MailServer

MESSAGE = OutgoingMessage(b"m" * 43, "79161234567", "a@b.example", None, "Good day", b"")
ROOM = 8  # messages under way at once; the log gateway's is its own
LATE = 5.0  # by how much a busy machine may be late

ACCEPTS, REFUSES, NOT_NOW, GARBAGE, HANGS = "accepts", "refuses", "not now", "garbage", "hangs"


@dataclass
class Bed:
    """A gateway, and the other side of it, which behaves as it is told."""

    gateway: Gateway
    behave: Callable[[str], None]
    taken: Callable[[], list[bytes]]  # the messages that the other side holds, by their ids


DESCRIBED = {
    "kind": "http",
    "max_connections": ROOM,
    "request": {
        "headers": {"Idempotency-Key": '"{{ id }}"'},
        "form": {"to": "{{ phone }}", "text": "{{ text }}"},
    },
    "answer": {"accepted": {"pointer": "/status", "values": ["accepted"]}, "id": "/id"},
}

OpenBed: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Bed]]


class Server:
    """The other side of an HTTP gateway, in this process."""

    ANSWERS = {  # noqa: RUF012 - nobody changes it
        ACCEPTS: (b"200 OK", b'{"id":"g","status":"accepted"}'),
        REFUSES: (b"400 Bad Request", b"{}"),
        NOT_NOW: (b"429 Too Many Requests", b"{}"),
        GARBAGE: (b"200 OK", b"<html>"),
    }

    def __init__(self) -> None:
        self.mode = ACCEPTS
        self.taken: list[bytes] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].split()[0]))
            if self.mode in {ACCEPTS, GARBAGE, HANGS}:
                key = head.partition(b'Idempotency-Key: "')[2]
                self.taken.append(key.partition(b'"')[0])
            if self.mode == HANGS:
                await reader.read()
                return
            status, body = self.ANSWERS[self.mode]
            kind = b"Content-Type: application/json\r\n"
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            writer.write(b"HTTP/1.1 " + status + b"\r\n" + kind + length + body)


@asynccontextmanager
async def http_bed(
    _: Path, *, is_idempotent: bool = False, is_described: bool = False
) -> AsyncIterator[Bed]:
    """Open an HTTP gateway to a server in this process."""
    other = Server()
    server = await asyncio.start_server(other.connected, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    gateway: Gateway = HttpGateway(url, is_idempotent=is_idempotent, connections=ROOM)
    if is_described:
        gateway = build("described", read(DESCRIBED | {"url": url}), allows_private=True)
    try:
        yield Bed(gateway, lambda how: setattr(other, "mode", how), lambda: other.taken)
    finally:
        await gateway.close()
        server.close()
        for task in list(other.tasks):
            task.cancel()
        await asyncio.gather(*other.tasks, return_exceptions=True)


@asynccontextmanager
async def log_bed(folder: Path) -> AsyncIterator[Bed]:
    """Open a log gateway whose file is there, is not there, or hangs when it is opened."""
    path, written = folder / "now" / "messages.log", folder / "written" / "messages.log"
    pipes: list[Path] = []

    def behave(how: str) -> None:
        (folder / "now").unlink(missing_ok=True)
        if how == ACCEPTS:
            (folder / "now").symlink_to(written.parent)
        elif how == HANGS:
            pipes.append(folder / f"pipe-{len(pipes)}" / "messages.log")
            pipes[-1].parent.mkdir()
            os.mkfifo(pipes[-1])
            (folder / "now").symlink_to(pipes[-1].parent)

    def taken() -> list[bytes]:
        lines = written.read_bytes().splitlines() if written.exists() else []
        return [line.partition(b'"id":"')[2].partition(b'"')[0] for line in lines]

    written.parent.mkdir()
    behave(ACCEPTS)
    gateway = LogGateway(path)
    try:
        yield Bed(gateway, behave, taken)
    finally:
        await gateway.close()
        readers = [os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) for pipe in pipes]
        await asyncio.get_running_loop().shutdown_default_executor()  # the threads that hang
        for reader in readers:
            os.close(reader)


@asynccontextmanager
async def smtp_bed(_: Path, *, pipelining: bool) -> AsyncIterator[Bed]:
    """Open an SMTP gateway to a server in this process."""
    async with MailServer(pipelining=pipelining) as other:
        endpoint = Endpoint("127.0.0.1", other.port, Tls.NONE)
        gateway = SmtpGateway(endpoint, sender="news@shop.example", connections=ROOM)
        hows = {
            ACCEPTS: {},
            REFUSES: {"RCPT": b"550 5.1.1 No such user\r\n"},
            NOT_NOW: {"RCPT": b"450 4.2.0 Greylisted\r\n"},
            GARBAGE: {".": b"<html>\r\n"},
            HANGS: {".": None},
        }
        try:
            yield Bed(
                gateway,
                lambda how: setattr(other, "replies", hows[how]),
                lambda: [mail.partition(b"Message-ID: <")[2][:43] for mail in other.taken],
            )
        finally:
            await gateway.close()


BEDS: dict[str, OpenBed] = {
    "http": http_bed,
    "http, described": partial(http_bed, is_described=True),
    "http, idempotent": partial(http_bed, is_idempotent=True),
    "log": log_bed,
    "smtp": partial(smtp_bed, pipelining=True),
    "smtp, step by step": partial(smtp_bed, pipelining=False),
}
# What the other side can do at all: a file refuses nothing and says nothing that is garbage.
ALL = [REFUSES, NOT_NOW, GARBAGE, HANGS]
FAULTS = {
    **dict.fromkeys([name for name in BEDS if name != "log"], ALL),
    "log": [NOT_NOW, HANGS],
}

MEANS = {
    REFUSES: {Outcome.REFUSED},
    NOT_NOW: {Outcome.NOT_PROCESSED},
    GARBAGE: {Outcome.UNKNOWN},
    HANGS: {Outcome.UNKNOWN},
}

# A file that hangs when it is opened keeps the thread that writes until it is there.
LASTS = {("log", HANGS)}

each_gateway = pytest.mark.parametrize("open_bed", BEDS.values(), ids=BEDS)
ROWS = [(name, each) for name, faults in FAULTS.items() for each in faults]


def _each(rows: Iterable[tuple[str, str]]) -> pytest.MarkDecorator:
    named = [pytest.param(BEDS[name], each, id=f"{name}, {each}") for name, each in rows]
    return pytest.mark.parametrize(("open_bed", "fault"), named)


each_fault = _each(ROWS)
each_passing_fault = _each([row for row in ROWS if row not in LASTS])


def send(bed: Bed, number: int = 0, within: float = 30) -> asyncio.Future[Verdict]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    message = replace(MESSAGE, message_id=b"%043d" % number)
    bed.gateway.send(message, loop.time() + within, done.set_result)
    assert not done.done(), "done was called before send returned"
    return done


async def in_time(work: Awaitable[None], within: float = 60) -> None:
    async with asyncio.timeout(within):
        await work


@each_gateway
async def test_a_message_that_is_accepted_is_held_by_the_other_side(
    open_bed: OpenBed, tmp_path: Path
) -> None:
    async with open_bed(tmp_path) as bed:
        verdicts = await asyncio.gather(*(send(bed, number) for number in range(ROOM)))

        assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
        assert sorted(bed.taken()) == [b"%043d" % number for number in range(ROOM)]


@each_passing_fault
async def test_each_fault_has_its_outcome_and_the_next_message_is_accepted(
    open_bed: OpenBed, fault: str, tmp_path: Path
) -> None:
    async with open_bed(tmp_path) as bed:
        bed.behave(fault)
        verdict = await send(bed, within=0.2 if fault == HANGS else 30)
        bed.behave(ACCEPTS)
        following = await send(bed, number=1)

    assert verdict.outcome in MEANS[fault]
    assert following.outcome is Outcome.ACCEPTED


@each_fault
async def test_what_the_other_side_holds_is_never_told_as_refused_or_not_processed(
    open_bed: OpenBed, fault: str, tmp_path: Path
) -> None:
    async with open_bed(tmp_path) as bed:
        bed.behave(fault)
        sent = [send(bed, number, within=0.2) for number in range(ROOM)]
        verdicts = await asyncio.gather(*sent)
        taken = set(bed.taken())

    for number, verdict in enumerate(verdicts):
        if b"%043d" % number in taken:
            assert verdict.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}


@each_gateway
async def test_an_attempt_ends_at_its_deadline(open_bed: OpenBed, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with open_bed(tmp_path) as bed:
        bed.behave(HANGS)
        begun = loop.time()
        await asyncio.gather(*(send(bed, number, within=0.15) for number in range(ROOM)))
        took = loop.time() - begun

    assert took < 0.15 + LATE


@each_gateway
async def test_a_deadline_that_has_passed_hands_nothing_over(
    open_bed: OpenBed, tmp_path: Path
) -> None:
    async with open_bed(tmp_path) as bed:
        verdict = await send(bed, within=0)

        assert verdict.outcome is Outcome.NOT_PROCESSED
        assert bed.taken() == []


@each_gateway
async def test_what_is_free_can_be_sent_and_not_one_more(
    open_bed: OpenBed, tmp_path: Path
) -> None:
    async with open_bed(tmp_path) as bed:
        room = bed.gateway.free
        sent = [send(bed, number) for number in range(room)]
        assert bed.gateway.free == 0
        with pytest.raises(RuntimeError):
            send(bed, room)

        await asyncio.gather(*sent)

        assert bed.gateway.free == room
        assert len(bed.taken()) == room


@each_gateway
async def test_close_ends_what_is_under_way_once_each_and_takes_nothing_more(
    open_bed: OpenBed, tmp_path: Path
) -> None:
    ended = Counter[int]()
    loop = asyncio.get_running_loop()
    async with open_bed(tmp_path) as bed:
        bed.behave(HANGS)
        for number in range(ROOM):
            done = partial(lambda number, _: ended.update([number]), number)
            bed.gateway.send(MESSAGE, loop.time() + 0.3, done)
        for _ in range(3):
            await asyncio.sleep(0)

        await in_time(bed.gateway.close())
        await in_time(bed.gateway.close())

        assert ended == dict.fromkeys(range(ROOM), 1)
        assert bed.gateway.free == 0
        with pytest.raises(RuntimeError):
            send(bed)


@each_fault
async def test_each_attempt_ends_once_while_the_other_side_changes_its_mind(
    open_bed: OpenBed, fault: str, tmp_path: Path
) -> None:
    ended = Counter[int]()
    loop = asyncio.get_running_loop()
    async with open_bed(tmp_path) as bed:
        for number in range(60):
            bed.behave(fault if number % 3 == 1 else ACCEPTS)
            done = partial(lambda number, _: ended.update([number]), number)
            if bed.gateway.free:
                bed.gateway.send(MESSAGE, loop.time() + number % 4 / 20, done)
            else:
                done(None)
            await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            while len(ended) < 60:  # noqa: ASYNC110 - whatever ends last
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    assert ended == dict.fromkeys(range(60), 1)


@each_gateway
async def test_a_receiver_that_raises_harms_no_other(open_bed: OpenBed, tmp_path: Path) -> None:
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def careless(_: Verdict) -> None:
        message = "careless"
        raise ValueError(message)

    async with open_bed(tmp_path) as bed:
        room = bed.gateway.free
        bed.gateway.send(MESSAGE, loop.time() + 5, careless)
        verdict = await send(bed, number=1)

        found = (verdict.outcome, reported, bed.gateway.free)
        assert found == (Outcome.ACCEPTED, ["careless"], room)
        loop.set_exception_handler(None)
