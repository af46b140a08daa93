"""Mails whose envelope goes behind the content of the one before: what each of both comes to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import NOT_STARTED, Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways.smtp import client
from services.dispatcher.gateways.smtp.answer import Answer, OnAnswer
from services.dispatcher.gateways.smtp.connection import Connection
from services.dispatcher.gateways.smtp.contract import judge
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Tls
from services.dispatcher.gateways.smtp.exchange import Exchange
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from services.dispatcher.gateways.smtp.mail import Composer
from tests.dispatcher.garbage_smtp import REPLIES
from tests.dispatcher.mailserver import CLOSE, MailServer

MESSAGE = OutgoingMessage(b"a" * 43, None, "anna@example.com", "News", "Good day", b"")
ACCEPTED, REFUSED, NOT_PROCESSED, UNKNOWN = (
    Outcome.ACCEPTED,
    Outcome.REFUSED,
    Outcome.NOT_PROCESSED,
    Outcome.UNKNOWN,
)
COMPOSER = Composer("news@shop.example", None, lambda: 0.0)
FIRST, SECOND = (
    COMPOSER.compose(replace(MESSAGE, message_id=each * 43, text=text), f"{text}@example.com")
    for each, text in ((b"a", "first"), (b"b", "second"))
)
ENVELOPE = b"MAIL FROM:<news@shop.example>\r\nRCPT TO:<second@example.com>\r\nDATA\r\n"
GO_AHEAD = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n"
OK = b"250 2.0.0 Ok: queued as 4Xb7k2\r\n"
GIVEN_BACK = "given back"


class Wire(asyncio.Transport):
    """Keeps what was written."""

    def __init__(self, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self.written: list[bytes] = []
        self.is_open = True

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return not self.is_open

    def abort(self) -> None:
        self.is_open = False


class Pool:
    """Hands answers on, and keeps what is given back."""

    def __init__(self) -> None:
        self.given_back: list[OnAnswer] = []

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        done(answer)

    def rest(self, connection: Connection) -> None:
        pass

    def go_on(self, connection: Connection) -> None:
        pass

    def give_back(self, _: Connection, mails: Sequence[Exchange]) -> None:
        self.given_back += [each.done for each in mails]

    def drop(self, connection: Connection) -> None:
        pass


class Talk:
    """A connection on which a second mail is ahead: its envelope is sent, the first's content."""

    def __init__(self, descriptor: socket.socket, turn_by: float) -> None:
        self.pool, self.wire = Pool(), Wire({"socket": descriptor})
        self.connection = Connection(self.pool, 0.0)
        self.connection.connection_made(self.wire)
        self.connection.start(Features(pipelining=True))
        self.answers: tuple[list[Answer], list[Answer]] = [], []
        self.connection.begin(FIRST, 2.0, lambda _: None)
        for data in (GO_AHEAD, OK):  # so that the usual answer is known
            self.connection.data_received(data)
        self.connection.begin(FIRST, 2.0, self.answers[0].append)
        self.connection.begin(SECOND, 1.0, self.answers[1].append, turn_by)
        self.connection.data_received(GO_AHEAD)

    def came_to(self, mail: int) -> Outcome | str | None:
        """Return what became of the first mail or the second; None: it is under way."""
        if self.answers[mail].append in self.pool.given_back:
            return GIVEN_BACK
        return judge(self.answers[mail][0]).outcome if self.answers[mail] else None


@pytest.fixture
def talk(request: pytest.FixtureRequest) -> Iterator[Talk]:
    """Give a talk in which the second mail's turn must come by then; without a word by its end."""
    ours, theirs = socket.socketpair()
    yield Talk(ours, getattr(request, "param", 1.0))
    ours.close()
    theirs.close()


def test_an_envelope_goes_behind_the_content_of_the_mail_before_in_one_write(talk: Talk) -> None:
    assert talk.wire.written[-1] == FIRST.content + ENVELOPE


@pytest.mark.parametrize(
    ("replies", "first", "second"),
    [
        (b"", None, None),
        (OK, ACCEPTED, None),
        (OK + GO_AHEAD, ACCEPTED, None),
        (b"550 5.7.1 No\r\n" + GO_AHEAD, REFUSED, None),
        (b"451 4.3.0 Later\r\n" + GO_AHEAD, NOT_PROCESSED, None),
        (b"250-2.0.0 Ok\r\n" + OK + GO_AHEAD, ACCEPTED, None),
        (OK + b"250 Ok\r\n550 5.1.1 No\r\n503 5.5.1 No\r\n", ACCEPTED, REFUSED),
        (OK + b"250 Ok\r\n450 4.2.0 Later\r\n503 5.5.1 No\r\n", ACCEPTED, NOT_PROCESSED),
        (OK + b"552 5.3.4 Big\r\n503 5.5.1 No\r\n503 5.5.1 No\r\n", ACCEPTED, REFUSED),
        (OK + b"421 4.3.2 Closing\r\n", ACCEPTED, NOT_PROCESSED),
        (b"421 4.3.2 Closing\r\n", UNKNOWN, GIVEN_BACK),
        (b"354 Go on\r\n", UNKNOWN, GIVEN_BACK),
        (b"<html>\r\n", UNKNOWN, GIVEN_BACK),
        (OK + b"<html>\r\n", UNKNOWN, GIVEN_BACK),
        # One answer too many to the first is none to the second.
        (OK + OK + GO_AHEAD, ACCEPTED, GIVEN_BACK),
        (OK + b"550 5.1.1 No\r\n" + GO_AHEAD, ACCEPTED, GIVEN_BACK),
        (OK + b"552 5.3.4 Big\r\n" + GO_AHEAD, ACCEPTED, GIVEN_BACK),
        (OK + b"250 Ok\r\n550 5.1.1 No\r\n" + GO_AHEAD, ACCEPTED, GIVEN_BACK),
        # Nor is an answer to a content that is not sent yet.
        (OK + GO_AHEAD + OK, ACCEPTED, GIVEN_BACK),
    ],
)
def test_what_a_mail_and_the_one_ahead_come_to(
    talk: Talk, replies: bytes, first: Outcome | None, second: Outcome | str | None
) -> None:
    talk.connection.data_received(replies)

    assert (talk.came_to(0), talk.came_to(1)) == (first, second)
    if replies.endswith(GO_AHEAD) and second is None:
        assert talk.wire.written[-1] == SECOND.content


@pytest.mark.parametrize("size", range(1, len(OK + GO_AHEAD)))
def test_the_answers_to_two_mails_are_read_the_same_however_they_are_cut(
    talk: Talk, size: int
) -> None:
    for piece in ((OK + GO_AHEAD)[:size], (OK + GO_AHEAD)[size:]):
        talk.connection.data_received(piece)

    assert (talk.came_to(0), talk.came_to(1)) == (ACCEPTED, None)
    assert talk.wire.written[-1] == SECOND.content
    talk.connection.data_received(OK)
    assert talk.came_to(1) is ACCEPTED


@pytest.mark.parametrize(
    ("replies", "first", "second"),
    [
        (b"", UNKNOWN, GIVEN_BACK),
        (OK, ACCEPTED, GIVEN_BACK),
        (OK + GO_AHEAD[:14], ACCEPTED, GIVEN_BACK),
        (OK + GO_AHEAD[:20], ACCEPTED, GIVEN_BACK),
        (OK + GO_AHEAD, ACCEPTED, UNKNOWN),
    ],
)
def test_when_the_connection_ends_only_a_mail_whose_content_was_sent_is_unknown(
    talk: Talk, replies: bytes, first: Outcome, second: Outcome | str
) -> None:
    talk.connection.data_received(replies)
    talk.connection.connection_lost(None)

    assert (talk.came_to(0), talk.came_to(1)) == (first, second)


def test_a_mail_ahead_whose_time_is_over_ends_and_takes_nothing_from_the_one_before(
    talk: Talk,
) -> None:
    assert talk.connection.cut_at == 1.0
    talk.connection.cut()

    assert (talk.came_to(0), talk.came_to(1)) == (None, NOT_PROCESSED)
    assert (talk.connection.cut_at, talk.wire.is_open) == (2.0, True)
    talk.connection.data_received(OK)
    assert talk.came_to(0) is ACCEPTED
    assert not talk.wire.is_open  # the answers to the other one are still to come


@pytest.mark.parametrize("talk", [0.5], indirect=True)
def test_a_mail_ahead_is_not_started_if_its_turn_does_not_come_soon(talk: Talk) -> None:
    assert talk.connection.cut_at == 0.5
    talk.connection.cut()

    assert judge(talk.answers[1][0]) is NOT_STARTED
    assert (talk.connection.cut_at, talk.came_to(0)) == (2.0, None)
    talk.connection.data_received(OK)
    assert talk.came_to(0) is ACCEPTED


@pytest.mark.parametrize("talk", [0.5], indirect=True)
def test_a_mail_whose_turn_has_come_has_its_own_time(talk: Talk) -> None:
    talk.connection.data_received(OK)

    assert (talk.connection.cut_at, talk.came_to(1)) == (1.0, None)


# The gateway


@asynccontextmanager
async def gateway_to(server: MailServer, **options: Any) -> AsyncIterator[SmtpGateway]:
    """Open a gateway that has found its server quick."""
    endpoint = Endpoint("127.0.0.1", server.port, Tls.NONE)
    gateway = SmtpGateway(endpoint, sender="news@shop.example", connections=1, **options)
    try:
        assert (await start(gateway, b"0")).outcome is ACCEPTED
        yield gateway
    finally:
        await gateway.close()


def start(gateway: SmtpGateway, key: bytes, within: float = 60) -> asyncio.Future[Verdict]:
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Verdict] = loop.create_future()
    message = replace(MESSAGE, message_id=key * 43)
    gateway.send(message, loop.time() + within, answered.set_result)
    return answered


def keys(server: MailServer) -> list[bytes]:
    return [mail.partition(b"Message-ID: <")[2][:1] for mail in server.taken]


async def test_a_quick_server_gets_one_more_mail_a_connection_and_not_two() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        one, two = start(gateway, b"1"), start(gateway, b"2")
        assert gateway.free == 0
        with pytest.raises(RuntimeError):
            start(gateway, b"3")

        assert [(await each).outcome for each in (one, two)] == [ACCEPTED] * 2
        assert (server.connections, keys(server)) == (1, [b"0", b"1", b"2"])
        assert gateway.free == 1


@pytest.mark.parametrize("is_slow", [True, False])
async def test_a_server_that_is_slow_or_takes_no_groups_gets_one_mail_a_connection(
    monkeypatch: pytest.MonkeyPatch, *, is_slow: bool
) -> None:
    if is_slow:
        monkeypatch.setattr(client, "_SOON_S", -1.0)
    async with MailServer(pipelining=is_slow) as server, gateway_to(server) as gateway:
        under_way = start(gateway, b"1")

        assert gateway.free == 0
        assert (await under_way).outcome is ACCEPTED


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_a_mail_ahead_arrives_once_whatever_comes_for_the_one_before(reply: bytes) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {".": reply}
        loop = asyncio.get_running_loop()
        found: list[Outcome | int] = []

        def done(verdict: Verdict) -> None:
            found.extend((verdict.outcome, gateway.free))
            server.replies = {}

        gateway.send(replace(MESSAGE, message_id=b"1" * 43), loop.time() + 5, done)
        ahead = await start(gateway, b"2")

        assert (found, ahead.outcome) == ([UNKNOWN, 0], ACCEPTED)
        assert (server.connections, keys(server).count(b"2")) == (2, 1)


class Leaving(MailServer):
    """Hangs up behind the second mail."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.replies = {}
        await super().connected(reader, writer)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        is_on = await super().take(reader, writer)
        if len(self.taken) == 2:
            self.replies = {"MAIL": CLOSE}
        return is_on


async def test_all_mails_ahead_go_over_one_more_connection_when_theirs_has_ended() -> None:
    async with Leaving() as server, gateway_to(server) as gateway:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Verdict] = loop.create_future()
        third: list[asyncio.Future[Verdict]] = []

        def done(verdict: Verdict) -> None:
            third.append(start(gateway, b"3"))
            answered.set_result(verdict)

        gateway.send(replace(MESSAGE, message_id=b"1" * 43), loop.time() + 5, done)
        second = start(gateway, b"2")

        found = [(await each).outcome for each in (answered, second)]
        found.append((await third[0]).outcome)
        assert (found, gateway.free) == ([ACCEPTED] * 3, 1)
        assert (server.connections, keys(server)) == (2, [b"0", b"1", b"2", b"3"])


async def test_a_mail_ahead_of_a_server_that_hangs_ends_in_time_and_is_not_processed() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {".": None}
        one, two = start(gateway, b"1", within=0.2), start(gateway, b"2", within=0.15)

        async with asyncio.timeout(60):
            assert await two == Verdict(NOT_PROCESSED, "timeout")
            assert await one == Verdict(UNKNOWN, "timeout")


class Hanging(MailServer):
    """Says when it has a content to which it gives no answer."""

    def __init__(self) -> None:
        super().__init__()
        self.has_content = asyncio.Event()

    def reply(self, word: str) -> bytes | None:
        reply = super().reply(word)
        if word == "." and reply is None:
            self.has_content.set()
        return reply


async def test_a_mail_ahead_of_a_server_that_turns_slow_is_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {".": None}
        monkeypatch.setattr(client, "_SOON_S", 0.1)
        under_way, ahead = start(gateway, b"1", within=10), start(gateway, b"2", within=10)

        async with asyncio.timeout(60):
            assert await ahead is NOT_STARTED
        assert (gateway.free, under_way.done()) == (0, False)


async def test_a_mail_ahead_is_cut_off_with_its_gateway_and_not_processed() -> None:
    async with Hanging() as server, gateway_to(server) as gateway:
        server.replies = {".": None}
        one, two = start(gateway, b"1"), start(gateway, b"2")
        await server.has_content.wait()
        await gateway.close()

        assert await one == Verdict(UNKNOWN, "cut_off")
        assert await two == Verdict(NOT_PROCESSED, "cut_off")


async def test_a_mail_ahead_that_the_server_cannot_have_ends_alone() -> None:
    async with MailServer(offers=[]) as server, gateway_to(server) as gateway:
        one = start(gateway, b"1")
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Verdict] = loop.create_future()
        gateway.send(
            replace(MESSAGE, email="анна@b.example"), loop.time() + 5, answered.set_result
        )

        found = (await answered).reason, (await one).outcome
        assert found == ("needs_smtputf8", ACCEPTED)
        assert (server.connections, gateway.free) == (1, 1)


async def test_a_connection_carries_no_more_mails_ahead_than_it_may() -> None:
    async with MailServer() as server, gateway_to(server, most_mails=3) as gateway:
        for _ in range(3):
            verdicts = [start(gateway, b"1")]
            while gateway.free:
                verdicts.append(start(gateway, b"2"))
            assert {(await each).outcome for each in verdicts} == {ACCEPTED}

        sessions = b"".join(server.commands).split(b"EHLO")[1:]
        assert max(each.count(b"MAIL") for each in sessions) == 3
