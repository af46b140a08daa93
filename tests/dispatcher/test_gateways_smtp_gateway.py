"""What the SMTP gateway says to a server, and what it makes of all that one may say."""

import asyncio
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways.smtp.answer import Answer, OnAnswer
from services.dispatcher.gateways.smtp.client import SmtpClient
from services.dispatcher.gateways.smtp.connection import Connection
from services.dispatcher.gateways.smtp.contract import judge
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login, Tls, check_login
from services.dispatcher.gateways.smtp.exchange import Exchange
from services.dispatcher.gateways.smtp.features import Features, read_features
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from services.dispatcher.gateways.smtp.mail import Composer
from services.dispatcher.gateways.smtp.reply import Reply
from tests.dispatcher.garbage_smtp import REPLIES
from tests.dispatcher.mailserver import EMPTY, MailServer

TLS = Path(__file__).parent / "tls"
LETTER = OutgoingMessage(b"m" * 43, None, "anna@example.com", "News", "Good day", b"")
NOT_PROCESSED, UNKNOWN = Outcome.NOT_PROCESSED, Outcome.UNKNOWN


@asynccontextmanager
async def gateway_to(
    server: MailServer, way: Tls = Tls.NONE, host: str = "127.0.0.1", **options: Any
) -> AsyncIterator[SmtpGateway]:
    gateway = SmtpGateway(
        Endpoint(host, server.port, way),
        sender="news@shop.example",
        **{"connections": 1} | options,
    )
    try:
        yield gateway
    finally:
        await gateway.close()


async def send(
    gateway: SmtpGateway, message: OutgoingMessage = LETTER, within: float = 60
) -> Verdict:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    gateway.send(message, loop.time() + within, done.set_result)
    return await done


def words(server: MailServer) -> list[bytes]:
    return [command.split(maxsplit=1)[0] for command in server.commands]


ONE_MAIL = [b"MAIL", b"RCPT", b"DATA"]


@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_mail_is_taken_and_its_connection_is_used_again(*, pipelining: bool) -> None:
    async with MailServer(pipelining=pipelining) as server, gateway_to(server) as gateway:
        verdicts = [await send(gateway) for _ in range(3)]

        text = "250 2.0.0 Ok: queued as 4Xb7k2"
        assert verdicts == [Verdict(Outcome.ACCEPTED, "accepted", 250, "4Xb7k2", text)] * 3
        assert (server.connections, len(server.taken)) == (1, 3)
        assert words(server) == [b"EHLO", *ONE_MAIL * 3]


@pytest.mark.parametrize("sender", ["Other <boss@bank.example>", "news@shop.example.com", "Shop"])
async def test_a_mail_from_somebody_who_is_not_allowed_is_refused_and_the_server_never_asked(
    sender: str,
) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        verdict = await send(gateway, replace(LETTER, sender=sender))

        assert verdict == Verdict(Outcome.REFUSED, "sender_not_allowed", is_of_message=True)
        assert server.connections == 0


async def test_a_mail_is_from_whom_its_mailing_says_if_the_gateway_allows_it() -> None:
    allowed = frozenset({"@books.example"})
    async with MailServer() as server, gateway_to(server, allowed_senders=allowed) as gateway:
        verdict = await send(gateway, replace(LETTER, sender="Books <new@books.example>"))

        assert verdict.outcome is Outcome.ACCEPTED
        assert b'From: "Books"\r\n <new@books.example>\r\n' in server.taken[0]
        assert b"MAIL FROM:<news@shop.example>" in server.commands[1]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA"])
async def test_after_a_refusal_the_same_connection_takes_the_next_mail(
    word: str, *, pipelining: bool
) -> None:
    async with MailServer(pipelining=pipelining) as server, gateway_to(server) as gateway:
        server.replies = {word: b"550 5.1.1 No\r\n"}
        if word != "DATA":  # a server that refuses one step refuses those behind it
            server.replies |= {"DATA": b"503 5.5.1 Wrong sequence\r\n"}
        refused = await send(gateway)
        server.replies = {}
        following = await send(gateway)

        outcome = Outcome.REFUSED if word == "RCPT" else NOT_PROCESSED
        assert (refused.outcome, refused.status_code) == (outcome, 550)
        assert following.outcome is Outcome.ACCEPTED
        assert server.connections == 1
        assert b"RSET" in words(server)
        assert len(server.taken) == 1


@pytest.mark.parametrize("step", ["RCPT", "."])
async def test_a_policy_that_several_domains_in_a_row_name_burns_no_more_messages(
    step: str,
) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {step: b"550 5.7.1 Message rejected\r\n"}
        found = [
            await send(gateway, replace(LETTER, email=f"anna@{name}.example"))
            for name in ("a", "A", "a", "b", "c", "d", "a")
        ]
        server.replies = {}
        healed = await send(gateway)
        server.replies = {step: b"550 5.7.1 Message rejected\r\n"}
        again = await send(gateway)

        assert [each.outcome for each in found] == [Outcome.REFUSED] * 4 + [NOT_PROCESSED] * 3
        assert [each.fault for each in found] == [False] * 4 + [True] * 3
        assert (healed.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.REFUSED)


async def test_a_server_that_wants_the_content_of_a_refused_mail_gets_nothing() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {"RCPT": b"550 5.1.1 No\r\n"}
        verdict = await send(gateway)

        assert (verdict.outcome, server.taken) == (Outcome.REFUSED, [])


BEFORE_THE_DOT = ["", "EHLO", "MAIL", "RCPT", "DATA"]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("word", [*BEFORE_THE_DOT, "."])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
async def test_what_is_no_answer_is_unknown_after_the_final_dot_and_not_processed_before_it(
    word: str, reply: bytes, *, pipelining: bool
) -> None:
    async with MailServer(pipelining=pipelining) as server, gateway_to(server) as gateway:
        server.replies = {word: reply}
        verdict = await send(gateway)
        server.replies = {}
        following = await send(gateway, replace(LETTER, message_id=b"n" * 43))

        assert verdict.outcome is (UNKNOWN if word == "." else NOT_PROCESSED)
        assert following.outcome is Outcome.ACCEPTED
        assert server.connections == 2


@pytest.mark.parametrize("word", BEFORE_THE_DOT)
async def test_a_server_that_hangs_before_the_final_dot_has_not_processed(word: str) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {word: None}
        verdict = await send(gateway, within=0.15)

        assert verdict == Verdict(NOT_PROCESSED, "timeout")


@pytest.mark.parametrize("pipelining", [True, False])
async def test_an_answer_to_what_was_not_sent_yet_is_no_acceptance(*, pipelining: bool) -> None:
    async with MailServer(pipelining=pipelining) as server, gateway_to(server) as gateway:
        server.replies = {"DATA": b"354 Go on\r\n250 2.0.0 Ok\r\n"}
        verdict = await send(gateway)

        assert verdict == Verdict(NOT_PROCESSED, "malformed")


class Wire(asyncio.Transport):
    """Keeps what was written last."""

    last = b""

    def write(self, data: Any) -> None:
        self.last = bytes(data)

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


class Pool:
    """Hands answers on, and keeps no connection."""

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        done(answer)

    def rest(self, connection: Connection) -> None:
        pass

    def go_on(self, connection: Connection) -> None:
        pass

    def give_back(self, connection: Connection, mails: Sequence[Exchange]) -> None:
        pass

    def drop(self, connection: Connection) -> None:
        pass


GO_AHEAD = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n"


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        ([GO_AHEAD], Outcome.ACCEPTED),
        ([GO_AHEAD[:7], GO_AHEAD[7:]], Outcome.ACCEPTED),
        ([GO_AHEAD[:14], GO_AHEAD[14:]], Outcome.ACCEPTED),
        ([GO_AHEAD.replace(b"2.1.5 Ok", b"2.1.5 Yes")], Outcome.ACCEPTED),
        ([GO_AHEAD.replace(b"250 2.1.5 Ok", b"550 5.1.1 No")], Outcome.REFUSED),
        ([GO_AHEAD + b"2"], NOT_PROCESSED),
        ([b"25", GO_AHEAD], NOT_PROCESSED),
        ([b"250-", GO_AHEAD], NOT_PROCESSED),
        ([GO_AHEAD[7:]], NOT_PROCESSED),
    ],
)
def test_an_answer_to_an_envelope_is_read_the_same_however_often_it_came_before(
    second: list[bytes], outcome: Outcome
) -> None:
    ours, theirs = socket.socketpair()
    connection, transport = Connection(Pool(), 0.0), Wire({"socket": ours})
    connection.connection_made(transport)
    connection.start(Features(pipelining=True))
    mail = Composer("news@shop.example", None, lambda: 0.0).compose(LETTER, "anna@example.com")
    answers: list[Answer] = []

    for envelope in [[GO_AHEAD], [GO_AHEAD[:7], GO_AHEAD[7:]], [GO_AHEAD], second]:
        connection.begin(mail, 1.0, answers.append)
        for piece in envelope:
            connection.data_received(piece)
        if transport.last == mail.content:
            connection.data_received(b"250 2.0.0 Ok\r\n")
        transport.last = b""
    if len(answers) < 4:
        connection.connection_lost(None)
    ours.close()
    theirs.close()

    assert [judge(each).outcome for each in answers] == [Outcome.ACCEPTED] * 3 + [outcome]


async def test_what_comes_behind_an_answer_reaches_no_other_mail() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        server.replies = {".": b"250 Ok\r\n550 5.1.1 No\r\n"}
        first, second = await send(gateway), await send(gateway)

        assert first.outcome is second.outcome is Outcome.ACCEPTED
        assert server.connections == 2


async def test_a_connection_that_the_server_has_closed_is_not_used() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        await send(gateway)
        for task in server.tasks:
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)

        assert (await send(gateway)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("offers", "parameters"),
    [
        ((), b""),
        (("8BITMIME",), b" BODY=8BITMIME"),
        (("8BITMIME", "SIZE"), b" BODY=8BITMIME SIZE=%d"),
        (("SIZE 0",), b" SIZE=%d"),
    ],
)
async def test_a_mail_says_what_the_server_asks_for(
    offers: Iterable[str], parameters: bytes
) -> None:
    async with MailServer(offers=offers) as server, gateway_to(server) as gateway:
        verdict = await send(gateway, replace(LETTER, text="Привет"))

        [mail] = server.taken
        size = parameters % (len(mail) + 3) if b"%d" in parameters else parameters
        assert verdict.outcome is Outcome.ACCEPTED
        assert b"MAIL FROM:<news@shop.example>" + size + b"\r\n" in server.commands
        assert mail.isascii() == ("8BITMIME" not in offers)


async def test_a_mail_beyond_the_servers_bound_is_refused_and_nothing_of_it_sent() -> None:
    async with MailServer(offers=["SIZE 1000"]) as server, gateway_to(server) as gateway:
        large = await send(gateway, replace(LETTER, text="x" * 1_000))
        small = await send(gateway)

        assert large == Verdict(Outcome.REFUSED, "mail_too_large", is_of_message=True)
        assert small.outcome is Outcome.ACCEPTED
        assert words(server) == [b"EHLO", *ONE_MAIL]


async def test_an_address_beyond_ascii_goes_to_servers_that_know_such_only() -> None:
    message = replace(LETTER, email="анна@example.com")
    async with MailServer() as server, gateway_to(server) as gateway:
        taken = await send(gateway, message)
        [sender] = [each for each in server.commands if each.startswith(b"MAIL")]
        assert (taken.outcome, sender.endswith(b" SMTPUTF8\r\n")) == (Outcome.ACCEPTED, True)
    async with MailServer(offers=["8BITMIME"]) as server, gateway_to(server) as gateway:
        assert await send(gateway, message) == Verdict(
            Outcome.REFUSED, "needs_smtputf8", is_of_message=True
        )
        assert words(server) == [b"EHLO"]


@pytest.mark.parametrize("email", [None, "", "anna", "a@b.example>\r\nRCPT TO:<c@d.example"])
async def test_what_no_mail_can_be_sent_to_is_refused_without_a_server(email: str | None) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        verdict = await send(gateway, replace(LETTER, email=email))

        assert verdict == Verdict(
            Outcome.REFUSED,
            "email_invalid" if email is not None else "no_email",
            is_of_message=True,
        )
        assert server.connections == 0
        assert gateway.free == 1


async def test_a_message_id_that_could_not_stand_in_a_header_is_a_bug() -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        with pytest.raises(ValueError, match="base64url"):
            await send(gateway, replace(LETTER, message_id=b"a\r\nBcc: b"))


# TLS and login


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(TLS / "ca.pem"))


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "gateway.pem", TLS / "gateway.key")
    return context


WAYS = pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
LOGIN = Login("shop", "sécret")


def encrypted(tls: Tls, **options: Any) -> MailServer:
    return MailServer(tls=server_tls(), is_implicit=tls is Tls.IMPLICIT, **options)


@WAYS
async def test_a_mail_goes_over_tls_to_a_server_that_proves_its_name(tls: Tls) -> None:
    async with (
        encrypted(tls) as server,
        gateway_to(server, tls, host="localhost", tls=trusting()) as gateway,
    ):
        verdicts = [await send(gateway) for _ in range(2)]

        assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
        assert server.connections == 1


@WAYS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_server_that_proves_nothing_gets_neither_mail_nor_password(
    tls: Tls, host: str
) -> None:
    context = trusting() if host == "127.0.0.1" else ssl.create_default_context()
    async with (
        encrypted(tls, offers=["AUTH PLAIN"]) as server,
        gateway_to(server, tls, host=host, tls=context, login=LOGIN) as gateway,
    ):
        verdict = await send(gateway)

        assert verdict == Verdict(NOT_PROCESSED, "tls_failed", fault=True)
        assert not {b"AUTH", b"MAIL"} & set(words(server))
        assert gateway.free == 1


async def test_without_starttls_nothing_is_sent() -> None:
    async with (
        MailServer(offers=["AUTH PLAIN"]) as server,
        gateway_to(server, Tls.STARTTLS, login=LOGIN) as gateway,
    ):
        assert await send(gateway) == Verdict(NOT_PROCESSED, "no_tls", fault=True)
        assert words(server) == [b"EHLO"]


async def test_what_is_written_into_the_answer_to_starttls_ends_the_connection() -> None:
    async with (
        encrypted(Tls.STARTTLS) as server,
        gateway_to(server, Tls.STARTTLS, host="localhost", tls=trusting()) as gateway,
    ):
        server.replies = {"STARTTLS": b"220 Begin\r\n250 Injected\r\n"}

        assert await send(gateway) == Verdict(NOT_PROCESSED, "malformed")


async def test_a_password_is_shown_once_a_connection_by_what_the_server_offers() -> None:
    plain = b"AUTH PLAIN " + b64encode("\0shop\0sécret".encode()) + b"\r\n"
    for offer, commands in [
        ("AUTH PLAIN LOGIN", [plain]),
        ("AUTH=PLAIN", [plain]),
    ]:
        async with (
            encrypted(Tls.IMPLICIT, offers=[offer]) as server,
            gateway_to(
                server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=LOGIN
            ) as gateway,
        ):
            verdicts = [await send(gateway) for _ in range(2)]
            assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
            assert [each for each in server.commands if each.startswith(b"AUTH")] == commands


async def test_login_is_spoken_where_plain_is_not() -> None:
    async with (
        encrypted(Tls.IMPLICIT, offers=["AUTH LOGIN"]) as server,
        gateway_to(server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=LOGIN) as gateway,
    ):
        user, password = b64encode(b"shop"), b64encode("sécret".encode())
        server.replies = {
            "AUTH": b"334 VXNlcm5hbWU6\r\n",
            user[:4].decode().upper(): b"334 UGFzc3dvcmQ6\r\n",
            password[:4].decode().upper(): b"235 2.7.0 Entered\r\n",
        }

        assert (await send(gateway)).outcome is Outcome.ACCEPTED
        assert server.commands[1:4] == [b"AUTH LOGIN\r\n", user + b"\r\n", password + b"\r\n"]


TOKEN = Login("shop", "token-1", is_token=True)


async def test_a_token_is_shown_by_the_way_that_is_made_for_it() -> None:
    async with (
        encrypted(Tls.IMPLICIT, offers=["AUTH PLAIN XOAUTH2"]) as server,
        gateway_to(server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=TOKEN) as gateway,
    ):
        verdicts = [await send(gateway) for _ in range(2)]

        assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
        [command] = [each for each in server.commands if each.startswith(b"AUTH")]
        way, shown = command.split()[1:]
        assert way == b"XOAUTH2"
        assert b64decode(shown) == b"user=shop\1auth=Bearer token-1\1\1"


async def test_a_token_that_is_not_taken_is_answered_before_it_is_refused() -> None:
    async with (
        encrypted(Tls.IMPLICIT, offers=["AUTH XOAUTH2"]) as server,
        gateway_to(server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=TOKEN) as gateway,
    ):
        server.replies = {"AUTH": b"334 eyJzdGF0dXMi\r\n", EMPTY: b"535 5.7.8 No\r\n"}
        verdict = await send(gateway)

        assert server.commands[-1] == b"\r\n"
        assert (verdict.reason, verdict.fault) == ("unauthorized", True)


async def test_a_token_is_shown_by_no_other_way() -> None:
    async with (
        encrypted(Tls.IMPLICIT, offers=["AUTH PLAIN LOGIN"]) as server,
        gateway_to(server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=TOKEN) as gateway,
    ):
        assert await send(gateway) == Verdict(NOT_PROCESSED, "no_login", fault=True)
        assert words(server) == [b"EHLO"]


def test_a_token_could_not_be_followed_by_something_of_somebody_else() -> None:
    endpoint = Endpoint("h", 465, Tls.IMPLICIT)
    for login in (Login("a\1b", "t", is_token=True), Login("a", "t\1b", is_token=True)):
        with pytest.raises(ValueError, match="ends them"):
            check_login(endpoint, login)


@pytest.mark.parametrize(
    ("offers", "reply", "reason"),
    [
        (["AUTH PLAIN"], b"535 5.7.8 Bad credentials\r\n", "unauthorized"),
        (["AUTH PLAIN"], b"454 4.7.0 Later\r\n", "status_454"),
        (["AUTH CRAM-MD5"], b"", "no_login"),
        ([], b"", "no_login"),
    ],
)
async def test_a_login_that_fails_burns_no_message(
    offers: list[str], reply: bytes, reason: str
) -> None:
    async with (
        encrypted(Tls.IMPLICIT, offers=offers) as server,
        gateway_to(server, Tls.IMPLICIT, host="localhost", tls=trusting(), login=LOGIN) as gateway,
    ):
        server.replies = {"AUTH": reply}
        verdict = await send(gateway)

        assert (verdict.outcome, verdict.reason) == (NOT_PROCESSED, reason)


async def test_a_password_never_goes_out_in_the_clear() -> None:
    with pytest.raises(ValueError, match="over TLS only"):
        SmtpGateway(Endpoint("h", 25, Tls.NONE), sender="a@b.example", login=LOGIN)


# Connections


@pytest.mark.parametrize(
    "options", [{"most_mails": 2}, {"most_age": timedelta()}, {"idle_timeout": timedelta()}]
)
async def test_a_connection_is_used_for_so_long_and_so_often_and_no_more(
    options: dict[str, Any],
) -> None:
    async with MailServer() as server, gateway_to(server) as gateway:
        endpoint = Endpoint("127.0.0.1", server.port, Tls.NONE)
        gateway._client = SmtpClient(endpoint, connections=1, **options)  # noqa: SLF001 - its limits
        for _ in range(4):
            assert (await send(gateway)).outcome is Outcome.ACCEPTED

        assert server.connections == (2 if "most_mails" in options else 4)


async def test_nobody_there_is_not_processed() -> None:
    async with MailServer() as server:
        pass
    async with gateway_to(server) as gateway:
        assert await send(gateway) == Verdict(NOT_PROCESSED, "connect_failed")
        assert gateway.free == 1


def test_an_offer_that_cannot_be_read_is_none() -> None:
    lines = (b"mail.example", b"", b"\xff", b"SIZE many", b"SMTPUTF8", b"pipelining", b"AUTH")

    features = read_features(Reply(250, lines))

    assert features.pipelining
    assert (features.has_size, features.size, features.logins) == (True, 0, frozenset())
    assert not features.smtputf8  # which is nothing without 8BITMIME
