import asyncio
from typing import Any

import pytest

from bench.ceiling import Run, ceiling
from bench.mail.ceiling import MailPoster
from bench.mail.content import BODY, SIZE
from bench.mail.sink import MailSink
from bench.sink import Counts

ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
MAIL = b"Subject: x\r\nMessage-ID: <%b@b.example>\r\n\r\nGood day\r\n..\r\n.\r\n"


class Recorder(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def sink(recorder: Recorder, counts: Counts) -> MailSink:
    sink = MailSink(counts)
    sink.connection_made(recorder)
    return sink


def test_a_mail_in_pieces_is_answered_command_by_command(
    sink: MailSink, recorder: Recorder, counts: Counts
) -> None:
    for byte in b"EHLO me\r\n" + ENVELOPE + MAIL % b"one":
        sink.data_received(bytes([byte]))

    codes = [each[:3] for each in recorder.written]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250"]
    assert b"250-PIPELINING\r\n" in recorder.written[1]
    assert counts.keys == {b"one"}


def test_what_comes_together_is_answered_together_and_each_mail_counts(
    sink: MailSink, recorder: Recorder, counts: Counts
) -> None:
    sink.data_received(ENVELOPE)
    sink.data_received(MAIL % b"one" + ENVELOPE)
    sink.data_received(MAIL % b"one" + b"QUIT\r\n")

    lines = [each.count(b"\r\n") for each in recorder.written]
    assert lines == [1, 3, 4, 2]
    assert (counts.requests, counts.keys) == (2, {b"one"})


async def test_the_ceilings_client_sends_as_many_mails_as_it_is_asked_for() -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: MailSink(counts), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async with server:
        await ceiling(port, 20, 3, MailPoster)

    assert (counts.requests, len(counts.keys)) == (20, 20)


async def test_the_ceiling_ends_when_the_sink_closes_a_connection() -> None:
    run = Run(1, asyncio.get_running_loop().create_future())

    MailPoster(run).connection_lost(None)

    with pytest.raises(ConnectionError):
        await run.done


def test_a_body_has_five_kilobytes_and_lines_that_may_go_as_they_are() -> None:
    assert SIZE <= len(BODY.encode()) <= SIZE + 40
    assert max(len(line.encode()) for line in BODY.splitlines()) < 998
