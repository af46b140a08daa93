"""The sandbox mail server as its users meet it: a process, three ports and a ledger file."""

import asyncio
import json
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from deploy.local.gateway.ledger import Ledger
from deploy.local.home import PROJECT
from deploy.local.mail.authority import Files
from deploy.local.mail.faults import Decision, Faults
from deploy.local.ports import Ports
from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login, Tls
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from tests.local.waiting import eventually

RAW = (
    "From: a@b.example\r\nSubject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\nMessage-ID: <{}@b.example>\r\n"
)
HEAD = 'To: "Anna" <anna@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
ANNA = "anna@example.com"


class Server:
    """A running server."""

    def __init__(self, ports: Mapping[str, int], files: Files) -> None:
        self.port, self.smtp_port, self.smtps_port = ports.values()
        self.files = files

    def get(self, path: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def change(self, **faults: object) -> Any:
        body = json.dumps(faults).encode()
        url = f"http://127.0.0.1:{self.port}/faults"
        with urlopen(Request(url, body, method="PATCH"), timeout=60) as answer:
            return json.load(answer)

    def counts(self) -> dict[str, int]:
        counts = self.get("/ledger/summary")["by_decision"]
        return {name: count for name, count in counts.items() if count}

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.files.authority))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    @contextmanager
    def plain(self, timeout_s: float = 5) -> Iterator[smtplib.SMTP]:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=timeout_s) as client:
            yield client

    @contextmanager
    def encrypted(self) -> Iterator[smtplib.SMTP]:
        with self.plain() as client:
            client.starttls(context=self.trusting())
            client.ehlo()
            yield client

    @contextmanager
    def implicit(self) -> Iterator[smtplib.SMTP]:
        context = self.trusting()
        with smtplib.SMTP_SSL("127.0.0.1", self.smtps_port, timeout=60, context=context) as client:
            yield client

    def send(self, key: str, text: str = "Good day\r\n.\r\n", timeout_s: float = 5) -> None:
        with self.plain(timeout_s) as client:
            send(client, key, text)


def send(client: smtplib.SMTP, key: str, text: str = "Good day\r\n") -> None:
    client.sendmail("a@b.example", [ANNA], RAW.format(key) + HEAD + text)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Server]:
    ports = Ports(folder / "ports", {})
    chosen = {name: ports.take(name) for name in ("--port", "--smtp-port", "--smtps-port")}
    given = [each for name, port in chosen.items() for each in (name, str(port))]
    command = [sys.executable, "-m", "deploy.local.mail", "--ledger", str(folder / "mail.ledger")]
    with subprocess.Popen([*command, *given, *options], cwd=PROJECT) as process:  # noqa: S603 - ours

        def is_live() -> bool:
            url = f"http://127.0.0.1:{chosen['--port']}/livez"
            with suppress(OSError), urlopen(url, timeout=60):
                return True
            return False

        try:
            eventually(is_live)
            yield Server(chosen, Files(folder / "mail.ledger.tls"))
        finally:
            process.terminate()
            assert process.wait(60) == 0
            ports.release()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Iterator[Server]:
    """Give a server without faults; what a test sets does not stay."""
    yield shared
    shared.change(**msgspec.structs.asdict(Faults()))


def test_a_mail_is_taken_counted_by_its_id_and_shown_as_a_person_reads_it(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for key in ("one", "two", "one"):
            server.send(key)
        summary, mails = server.get("/ledger/summary"), server.get("/mails?limit=2")["items"]

    assert (summary["requests"], summary["accepted"], summary["accepted_distinct"]) == (3, 3, 2)
    assert mails[1] == {
        "message_id": "<two@b.example>",
        "date": "",
        "sender": "a@b.example",
        "to": "Anna <anna@example.com>",
        "subject": "Привет",
        "text": "Good day\n.",
    }
    ledger = Ledger(tmp_path / "mail.ledger", Decision)
    assert set(ledger.taken) == {b"one", b"two"}
    ledger.close()


@pytest.mark.parametrize(
    ("fault", "error", "decision"),
    [
        ("fail", smtplib.SMTPRecipientsRefused, "failed"),
        ("refuse", smtplib.SMTPRecipientsRefused, "refused"),
        ("close", smtplib.SMTPRecipientsRefused, "throttled"),
        ("drop", smtplib.SMTPServerDisconnected, "dropped"),
        ("greeting", smtplib.SMTPException, None),
    ],
)
def test_each_fault_can_be_set_at_the_start(
    fault: str, error: type[Exception], decision: str | None, tmp_path: Path
) -> None:
    with running(tmp_path, f"--{fault}-share", "1") as server:
        with pytest.raises(error):
            server.send("one")

        assert server.counts() == ({decision: 1} if decision else {})


def added(server: Server, before: dict[str, int]) -> dict[str, int]:
    """Return what has been counted since."""
    now = server.counts()
    return {name: n for name, count in now.items() if (n := count - before.get(name, 0))}


@pytest.mark.parametrize(
    ("faults", "code", "decision"),
    [
        ({"fail_share": 1}, 451, "failed"),
        ({"refuse_share": 1}, 550, "refused"),
        ({"close_share": 1}, 421, "throttled"),
        ({"greylist_s": 600}, 450, "greylisted"),
    ],
)
def test_a_recipient_is_refused_while_the_server_runs_as_it_is_asked_to(
    server: Server, faults: dict[str, object], code: int, decision: str
) -> None:
    before = server.counts()
    server.change(**faults)

    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        server.send("one")

    assert error.value.recipients[ANNA][0] == code
    assert added(server, before) == {decision: 1}


@pytest.mark.parametrize(
    ("share", "code", "decision"),
    [
        ("fail_share", 451, "failed"),
        ("refuse_share", 550, "refused"),
        ("close_share", 421, "throttled"),
    ],
)
def test_the_same_answers_come_to_the_content(
    server: Server, share: str, code: int, decision: str
) -> None:
    before = server.get("/ledger/summary")
    server.change(**{share: 1}, answer_at="content")

    with pytest.raises(smtplib.SMTPDataError) as error:
        server.send("one")

    assert error.value.smtp_code == code
    after = server.get("/ledger/summary")
    assert after["accepted"] == before["accepted"]
    assert after["by_decision"][decision] == before["by_decision"][decision] + 1


def test_after_some_time_a_recipient_is_greylisted_no_more(server: Server) -> None:
    server.change(greylist_s=600)
    with server.plain() as client:
        client.ehlo()
        client.mail("new@b.example")
        codes = [client.rcpt(ANNA)[0]]
        server.change(greylist_s=0.000_001)
        client.mail("new@b.example")
        codes.append(client.rcpt(ANNA)[0])

    assert codes == [450, 250]


def test_a_hanging_server_never_answers(server: Server) -> None:
    before = server.counts()
    server.change(hang_share=1)

    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        server.send("one", timeout_s=0.2)

    assert added(server, before) == {"hung": 1}


def test_a_connection_that_ends_without_an_answer_leaves_mails_of_both_kinds(
    server: Server,
) -> None:
    before = server.get("/ledger/summary")
    server.change(drop_share=1)

    for number in range(20):
        with pytest.raises(smtplib.SMTPServerDisconnected):
            server.send(f"dropped-{number}")

    after = server.get("/ledger/summary")
    assert after["by_decision"]["dropped"] == before["by_decision"]["dropped"] + 20
    assert 0 < after["accepted"] - before["accepted"] < 20


def test_a_connection_may_end_right_after_the_answer(server: Server) -> None:
    before = server.counts()
    server.change(cut_share=1)

    with server.plain() as client:
        send(client, "cut")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()

    assert added(server, before) == {"cut": 1}
    assert server.get("/mails?limit=1")["items"][0]["message_id"] == "<cut@b.example>"


def test_a_server_may_say_nothing_at_all(server: Server) -> None:
    server.change(silence_share=1)

    where = ("127.0.0.1", server.smtp_port)
    with socket.create_connection(where, 0.1) as client, pytest.raises(TimeoutError):
        client.recv(1)


def test_answers_take_as_long_as_it_is_asked_to(server: Server) -> None:
    server.change(latency_ms="600000")

    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        server.send("late", timeout_s=0.2)


@pytest.mark.parametrize("way", ["encrypted", "implicit"])
def test_mails_go_over_tls_with_a_certificate_of_its_own_authority(
    server: Server, way: str
) -> None:
    with getattr(server, way)() as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        client.user, client.password = "sandbox", "sandbox"
        client.auth("PLAIN", client.auth_plain)
        send(client, way)

    assert server.get("/mails?limit=1")["items"][0]["message_id"] == f"<{way}@b.example>"


def test_who_does_not_know_the_authority_does_not_trust_it(server: Server) -> None:
    with server.plain() as client, pytest.raises(ssl.SSLCertVerificationError):
        client.starttls(context=ssl.create_default_context())


def test_the_authority_stays_the_same_over_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        before = server.files.authority.read_text()
    with running(tmp_path) as server, server.encrypted() as client:
        assert client.noop()[0] == 250
        assert server.files.authority.read_text() == before

    assert server.files.key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("way", ["encrypted", "implicit"])
def test_the_handshake_of_tls_may_fail(server: Server, way: str) -> None:
    server.change(tls_share=1)

    with pytest.raises(ssl.SSLError, match=r"EOF|alert"), getattr(server, way)():
        pass


def test_starttls_is_not_offered_if_it_is_switched_off(server: Server) -> None:
    server.change(has_starttls=False)

    with server.plain() as client, pytest.raises(smtplib.SMTPNotSupportedError):
        client.starttls(context=server.trusting())


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("password", "code"), [("sandbox", 235), ("wrong", 535)])
def test_a_password_is_asked_for_and_looked_at(
    server: Server, way: str, password: str, code: int
) -> None:
    server.change(needs_login=True, logins=way)

    with server.encrypted() as client:
        assert client.esmtp_features["auth"].split() == [way]
        assert client.mail("a@b.example")[0] == 530
        with suppress(smtplib.SMTPAuthenticationError):
            client.login("sandbox", password)
        expected = 250 if code == 235 else 530
        assert client.mail("a@b.example")[0] == expected


@pytest.mark.parametrize(("token", "code"), [("sandbox", 235), ("wrong", 535)])
def test_a_token_is_looked_at(server: Server, token: str, code: int) -> None:
    def answer(challenge: bytes | None = None) -> str:
        return f"user=sandbox\1auth=Bearer {token}\1\1" if challenge is None else ""

    with server.encrypted() as client:
        if code == 235:
            assert client.auth("XOAUTH2", answer)[0] == code
        else:
            with pytest.raises(smtplib.SMTPAuthenticationError) as error:
                client.auth("XOAUTH2", answer)
            assert error.value.smtp_code == code


async def sent(gateway: SmtpGateway) -> Verdict:
    """Send one mail, and close the gateway."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Verdict] = loop.create_future()
    message = OutgoingMessage(b"m" * 43, None, ANNA, "News", "Good day", b"")
    gateway.send(message, loop.time() + 5, done.set_result)
    verdict = await done
    await gateway.close()
    return verdict


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize(
    ("logins", "login", "reason"),
    [
        ("PLAIN", Login("sandbox", "sandbox"), "accepted"),
        ("LOGIN", Login("sandbox", "sandbox"), "accepted"),
        ("XOAUTH2", Login("sandbox", "sandbox", is_token=True), "accepted"),
        ("XOAUTH2", Login("sandbox", "wrong", is_token=True), "unauthorized"),
    ],
)
async def test_our_gateway_enters_and_sends(
    server: Server, tls: Tls, logins: str, login: Login, reason: str
) -> None:
    server.change(needs_login=True, logins=logins)
    port = server.smtps_port if tls is Tls.IMPLICIT else server.smtp_port
    gateway = SmtpGateway(
        Endpoint("localhost", port, tls), sender=ANNA, login=login, tls=server.trusting()
    )

    assert (await sent(gateway)).reason == reason


async def test_a_gateway_trusts_the_authority_that_its_environment_names(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.files.authority))
    gateway = SmtpGateway(Endpoint("localhost", server.smtp_port, Tls.STARTTLS), sender=ANNA)

    assert (await sent(gateway)).reason == "accepted"


def test_no_password_is_taken_in_the_clear(server: Server) -> None:
    with server.plain() as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.docmd("AUTH", "PLAIN AHNhbmRib3gAc2FuZGJveA==")[0] == 538


@pytest.mark.parametrize(
    "patch",
    [
        {"fail_share": 0.6, "drop_share": 0.6},
        {"greeting_share": 0.6, "silence_share": 0.6},
        {"latency_ms": "soon"},
        {"logins": "CRAM-MD5"},
        {"answer_at": "helo"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    server: Server, patch: dict[str, object]
) -> None:
    before = server.get("/faults")

    with pytest.raises(HTTPError) as error:
        server.change(**patch)

    assert error.value.code == 400
    error.value.close()
    assert server.get("/faults") == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--host", " ", "a host is needed"),
        ("--smtp-port", "0", "a port is a number"),
        ("--fail-share", "2", "<= 1"),
    ],
)
def test_what_would_listen_where_nobody_wants_it_is_refused(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    given = {"--port": "1", "--smtp-port": "2", "--ledger": str(tmp_path / "l"), option: value}
    options = [each for pair in given.items() for each in pair]
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", "deploy.local.mail", *options],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert said in done.stderr
