"""A mail: what is sent of a message, ready for the wire. Pure.

Nothing of the data can become a header, a command or the end of the mail: values of headers are
one line, the content's lines end in CRLF, and a dot at a line's beginning is doubled.
"""

from binascii import b2a_qp
from collections.abc import Callable
from email.utils import formatdate
from typing import NamedTuple

import msgspec

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.smtp.address import header_text, mailbox, normalized

_LONGEST_LINE = 998  # bytes without CRLF. Source: RFC 5322 §2.1.1

_PLAIN = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
_AS_7BIT = b"Content-Transfer-Encoding: 7bit\r\n\r\n"
_AS_8BIT = b"Content-Transfer-Encoding: 8bit\r\n\r\n"
_AS_QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"


class Mail(NamedTuple):
    """One message for one recipient."""

    sender: bytes  # addresses as commands have them
    recipient: bytes
    needs_smtputf8: bool
    needs_8bit: bool
    content: bytes  # with its dots doubled, and its final dot
    otherwise: Callable[[], bytes]  # the same for a server without 8BITMIME

    def content_for(self, *, has_8bit: bool) -> bytes:
        """Return what follows DATA."""
        return self.content if has_8bit or not self.needs_8bit else self.otherwise()


class _Body(msgspec.Struct, frozen=True, gc=False):
    """A text, encoded."""

    raw: bytes  # from the header of its encoding on
    is_8bit: bool


class Composer:
    """Makes mails of messages; what is equal for all of a run is made once."""

    def __init__(self, address: str, name: str | None, now: Callable[[], float]) -> None:
        """`now`: seconds since the epoch, for the Date header.

        Raises:
            AddressInvalid: No mail can come from there.
        """
        self.sender = normalized(address)
        self._now = now
        self._domain = self.sender.rpartition(b"@")[2]
        self._from = b"From: %b\r\n" % mailbox(name, self.sender)
        self._second, self._date = -1, b""
        self._text: str | None = None
        self._body = _Body(b"", is_8bit=False)
        self._subject: str | None = None
        self._subject_line = b""

    def compose(self, message: OutgoingMessage, email: str) -> Mail:
        """Return the mail of a message to `email`.

        Raises:
            AddressInvalid: No mail can be sent there.
        """
        recipient = normalized(email)
        body = self._body_of(message.text)
        head = b"%b%bTo: %b\r\n%bMessage-ID: <%b@%b>\r\n%b" % (
            self._date_line(),
            self._from,
            mailbox(message.full_name, recipient),
            self._subject_of(message.subject),
            message.message_id,
            self._domain,
            _PLAIN,
        )
        text = message.text
        return Mail(
            self.sender,
            recipient,
            not (recipient.isascii() and self.sender.isascii()),
            body.is_8bit,
            b"%b%b" % (head, body.raw),
            lambda: b"%b%b" % (head, _quoted(text)),
        )

    def _date_line(self) -> bytes:
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._date = b"Date: %b\r\n" % formatdate(second).encode("ascii")
        return self._date

    def _subject_of(self, subject: str | None) -> bytes:
        if subject != self._subject:
            self._subject = subject
            line = b"" if subject is None else b"Subject: %b\r\n" % header_text(subject)
            self._subject_line = line
        return self._subject_line

    def _body_of(self, text: str) -> _Body:
        if text != self._text:
            self._text, self._body = text, _encoded(text)
        return self._body


def _encoded(text: str) -> _Body:
    raw = _lines(text)
    is_short = max(map(len, raw.split(b"\n"))) <= _LONGEST_LINE - 1  # a dot may be added
    if not is_short or b"\0" in raw:
        return _Body(_quoted(text), is_8bit=False)
    is_ascii = raw.isascii()
    return _Body((_AS_7BIT if is_ascii else _AS_8BIT) + _dotted(raw), is_8bit=not is_ascii)


def _quoted(text: str) -> bytes:
    return _AS_QUOTED + _dotted(b2a_qp(_lines(text), istext=True))


def _lines(text: str) -> bytes:
    """Return the text's bytes, with LF for every end of a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")


def _dotted(raw: bytes) -> bytes:
    """Return lines as they go over the wire, with what ends the mail."""
    stuffed = (b"." + raw if raw.startswith(b".") else raw).replace(b"\n.", b"\n..")
    crlf = stuffed.replace(b"\n", b"\r\n")
    return crlf + (b".\r\n" if crlf.endswith(b"\r\n") else b"\r\n.\r\n")
