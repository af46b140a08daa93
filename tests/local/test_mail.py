"""The sandbox mail server as its users meet it: a process, two ports and a ledger file."""

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from deploy.local.gateway.ledger import Ledger
from deploy.local.home import PROJECT
from deploy.local.mail.faults import Faults
from deploy.local.ports import Ports
from tests.local.waiting import eventually

RAW = (
    "From: a@b.example\r\nSubject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\nMessage-ID: <{}@b.example>\r\n"
)
HEAD = 'To: "Anna" <anna@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'


class Server:
    """A running server."""

    def __init__(self, port: int, smtp_port: int) -> None:
        self.port, self.smtp_port = port, smtp_port

    def get(self, path: str) -> Any:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def send(self, key: str, text: str = "Good day\r\n.\r\n") -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5) as client:
            client.sendmail("a@b.example", ["anna@example.com"], RAW.format(key) + HEAD + text)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Server]:
    ports = Ports(folder / "ports", {})
    port, smtp_port = ports.take("mail"), ports.take("mail.smtp")
    command = [sys.executable, "-m", "deploy.local.mail", "--ledger", str(folder / "mail.ledger")]
    given = ("--port", str(port), "--smtp-port", str(smtp_port), *options)
    with subprocess.Popen([*command, *given], cwd=PROJECT) as process:  # noqa: S603 - ours

        def is_live() -> bool:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
                return True
            return False

        try:
            eventually(is_live)
            yield Server(port, smtp_port)
        finally:
            process.terminate()
            assert process.wait(10) == 0
            ports.release()


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
    ledger = Ledger(tmp_path / "mail.ledger")
    assert set(ledger.taken) == {b"one", b"two"}
    ledger.close()


@pytest.mark.parametrize(
    ("fault", "error", "decision"),
    [
        ("fail", smtplib.SMTPRecipientsRefused, "failed"),
        ("refuse", smtplib.SMTPRecipientsRefused, "refused"),
        ("close", smtplib.SMTPRecipientsRefused, "throttled"),
        ("drop", smtplib.SMTPServerDisconnected, "hung"),
        ("greeting", smtplib.SMTPException, None),
    ],
)
def test_each_fault_can_be_set(
    fault: str, error: type[Exception], decision: str | None, tmp_path: Path
) -> None:
    with running(tmp_path, f"--{fault}-share", "1") as server:
        with pytest.raises(error):
            server.send("one")
        counts = server.get("/ledger/summary")["by_decision"]

    assert {name: count for name, count in counts.items() if count} == (
        {decision: 1} if decision else {}
    )


def test_shares_beyond_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        Faults(fail_share=0.6, drop_share=0.6)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--host", " ", "a host is needed"), ("--smtp-port", "0", "a port is a number")],
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
