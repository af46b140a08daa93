"""A mail: what is sent of a message, ready for the wire. Pure.

Nothing of the data can become a header, a command or the end of the mail: values of headers are
one line, the content's lines end in CRLF, a dot at a line's beginning is doubled, and what could
be taken for the boundary of parts is encoded so that it cannot.
"""

from binascii import b2a_qp
from collections.abc import Callable, Collection
from email.utils import formatdate
from typing import NamedTuple

import msgspec

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.smtp.address import header_text, mailbox, normalized
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.frame import Framer
from services.dispatcher.gateways.smtp.lines import BOUNDARY, DELIMITER, dotted, raw_lines
from services.dispatcher.gateways.smtp.senders import Senders

_MIME = b"MIME-Version: 1.0\r\n"
_AS_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_AS_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_AS_7BIT = b"Content-Transfer-Encoding: 7bit\r\n\r\n"
_AS_8BIT = b"Content-Transfer-Encoding: 8bit\r\n\r\n"
_AS_QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_AS_ALTERNATIVES = b'Content-Type: multipart/alternative; boundary="%b"\r\n' % BOUNDARY


class Mail(msgspec.Struct, frozen=True, gc=False):
    """One message for one recipient."""

    sender: bytes  # addresses as commands have them
    recipient: bytes
    needs_smtputf8: bool
    needs_8bit: bool
    content: bytes  # with its dots doubled, and its final dot
    head: tuple[bytes, ...]  # from it and the texts it is made anew for one without 8BITMIME
    text: str
    html: str | None

    def content_for(self, *, has_8bit: bool) -> bytes:
        """Return what follows DATA."""
        if has_8bit or not self.needs_8bit:
            return self.content
        return _content(self.head, _without_8bit(self.text, self.html))


class _Body(msgspec.Struct, frozen=True, gc=False):
    """A text, or a text and its HTML, encoded."""

    pieces: tuple[bytes, ...]  # from the header of its type on
    end: bytes  # with the final dot
    is_8bit: bool


class _Alternatives(NamedTuple):
    text: _Body
    html: _Body
    both: _Body


_NOTHING = _Body((), b"", is_8bit=False)


class Composer:
    """Makes mails of messages; what is equal for all of a run is made once."""

    def __init__(
        self,
        address: str,
        name: str | None,
        now: Callable[[], float],
        allowed_senders: Collection[str] = (),
        reply_to: tuple[str, str] | None = None,
    ) -> None:
        """`now`: seconds since the epoch, for the Date header; `reply_to`: name and address.

        Raises:
            AddressInvalid: No mail can come from there.
        """
        self.sender = normalized(address)
        self._now = now
        self._at_domain = b"@%b>\r\n" % self.sender.rpartition(b"@")[2]
        self._senders = Senders(self.sender, name, allowed_senders)
        self._tail = _reply_to(*reply_to) + _MIME if reply_to else _MIME
        self._is_ascii = self.sender.isascii() and self._tail.isascii()
        self._second, self._date = -1, b""
        self._text_framer, self._html_framer = Framer(), Framer()
        self._text: str | None = None
        self._body = _NOTHING
        self._html: str | None = None
        self._html_body = _NOTHING
        self._alternatives = _Alternatives(_NOTHING, _NOTHING, _NOTHING)
        self._subject: str | None = None
        self._subject_line = b""

    def compose(self, message: OutgoingMessage, email: str) -> Mail:
        """Return the mail of a message to `email`.

        Raises:
            AddressInvalid: No mail can be sent there.
            SenderNotAllowed: It must not be from whom the message says.
        """
        recipient, sender = normalized(email), self._senders.header(message.sender)
        text, html = message.text, message.html
        body = self._body_of(text) if html is None else self._alternatives_of(text, html)
        head = (
            self._date_line(),
            sender,
            b"To: ",
            mailbox(message.full_name, recipient),
            b"\r\n",
            self._subject_of(message.subject),
            b"Message-ID: <",
            message.message_id,
            self._at_domain,
            _unsubscribing(message.unsubscribe_url),
            self._tail,
        )
        return Mail(
            self.sender,
            recipient,
            not (self._is_ascii and recipient.isascii() and sender.isascii()),
            body.is_8bit,
            _content(head, body),
            head,
            text,
            html,
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
            self._text, self._body = text, _encoded(_AS_TEXT, text, self._text_framer)
        return self._body

    def _alternatives_of(self, text: str, html: str) -> _Body:
        """Return both; what neighbors have in common is encoded once."""
        body, before = self._body_of(text), self._alternatives
        if html != self._html:
            self._html, self._html_body = html, _encoded(_AS_HTML, html, self._html_framer)
        if before.text is not body or before.html is not self._html_body:
            both = _both(body, self._html_body)
            self._alternatives = _Alternatives(body, self._html_body, both)
        return self._alternatives.both


def _unsubscribing(url: str | None) -> bytes:
    """Return the headers by which a mail program unsubscribes. Source: RFC 2369 §3.2, RFC 8058."""
    if url is None:
        return b""
    one_click = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return b"List-Unsubscribe: <%b>\r\n%b" % (url.encode("ascii"), one_click)


def _reply_to(name: str, address: str) -> bytes:
    return b"Reply-To: %b\r\n" % mailbox(name, normalized(address))


def envelope(mail: Mail, size: int, features: Features) -> tuple[bytes, bytes]:
    """Return the commands that name sender and recipient; `size`: of the content, in bytes."""
    parameters = b" BODY=8BITMIME" if mail.needs_8bit and features.eight_bit else b""
    if features.has_size:
        parameters += b" SIZE=%d" % size
    if mail.needs_smtputf8:
        parameters += b" SMTPUTF8"
    sender = b"MAIL FROM:<%b>%b\r\n" % (mail.sender, parameters)
    return sender, b"RCPT TO:<%b>\r\n" % mail.recipient


def _content(head: tuple[bytes, ...], body: _Body) -> bytes:
    return b"".join((*head, *body.pieces, body.end))


def _encoded(kind: bytes, text: str, framer: Framer) -> _Body:
    lines = framer.lines_of(text)
    if lines is None:
        return _quoted(kind, text)
    encoding = _AS_7BIT if lines.is_ascii else _AS_8BIT
    return _body(kind, encoding, *lines.pieces, is_8bit=not lines.is_ascii)


def _quoted(kind: bytes, text: str) -> _Body:
    return _body(kind, _AS_QUOTED, dotted(b2a_qp(raw_lines(text), istext=True)), is_8bit=False)


def _body(*pieces: bytes, is_8bit: bool) -> _Body:
    last = next((piece for piece in reversed(pieces) if piece), b"")
    return _Body(pieces, b".\r\n" if last.endswith(b"\r\n") else b"\r\n.\r\n", is_8bit)


def _both(text: _Body, html: _Body) -> _Body:
    """Return the parts of a mail that says the same twice. Source: RFC 2046 §5.1.4."""
    is_8bit = text.is_8bit or html.is_8bit
    begin = b"%b%b%b\r\n" % (_AS_ALTERNATIVES, _AS_8BIT if is_8bit else _AS_7BIT, DELIMITER)
    middle, end = b"\r\n%b\r\n" % DELIMITER, b"\r\n%b--" % DELIMITER
    return _Body((begin, *text.pieces, middle, *html.pieces, end), b"\r\n.\r\n", is_8bit)


def _without_8bit(text: str, html: str | None) -> _Body:
    """Return what a server gets that takes seven bits only."""
    body = _quoted(_AS_TEXT, text)
    return body if html is None else _both(body, _quoted(_AS_HTML, html))
