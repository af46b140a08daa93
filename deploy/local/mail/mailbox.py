"""The mailbox: the last mails that were taken, and how a person reads them."""

import email
import email.policy
import re
from collections import deque

import msgspec

_OUR_NAME = re.compile(rb"[A-Za-z0-9_-]{1,64}")  # of a message, as our gateway writes it

KEPT = 1_000  # mails, in memory alone: the ledger has no personal data


class Mail(msgspec.Struct, frozen=True):
    """A mail, as a person reads it."""

    message_id: str
    date: str
    sender: str
    to: str
    subject: str
    text: str


class Mailbox:
    """The last mails, as they came."""

    def __init__(self) -> None:
        self._raw: deque[bytes] = deque(maxlen=KEPT)

    def add(self, raw: bytes) -> None:
        """Keep a mail, and let go of the oldest."""
        self._raw.append(raw)

    def last(self, limit: int) -> list[Mail]:
        """Return up to `limit` mails, the newest first."""
        newest = list(self._raw)[-limit:]
        return [read(raw) for raw in reversed(newest)]


def read(raw: bytes) -> Mail:
    """Return a mail as a program that shows mails reads it."""
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    body = mail.get_body(("plain",))
    return Mail(
        str(mail["Message-ID"] or ""),
        str(mail["Date"] or ""),
        str(mail["From"] or ""),
        str(mail["To"] or ""),
        str(mail["Subject"] or ""),
        "" if body is None else body.get_content().replace("\r\n", "\n").rstrip("\n"),
    )


def key_of(raw: bytes) -> bytes:
    """Return what a mail's Message-ID has before its domain; nothing if it has none of ours."""
    head = raw.partition(b"\r\n\r\n")[0]
    name = head.partition(b"\r\nMessage-ID: <")[2].partition(b"@")[0]
    return name if _OUR_NAME.fullmatch(name) else b""
