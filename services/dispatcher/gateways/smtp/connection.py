"""One SMTP connection: mails go out one after the other, each ends in one answer.

Where the server takes commands in groups (PIPELINING), the next mail's envelope goes behind the
content of the one before. Source: RFC 2920 §3.1.

Nothing that the other side sends raises, is kept beyond a limit, or reaches the next mail.
"""

import asyncio
import select
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Protocol, cast

from services.dispatcher.gateways.smtp.answer import Answer, OnAnswer, SessionFailed, Stage
from services.dispatcher.gateways.smtp.exchange import Ended, Exchange
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.mail import Mail
from services.dispatcher.gateways.smtp.reply import Malformed, Replies, Reply

if TYPE_CHECKING:
    from collections.abc import Callable


class Owner(Protocol):
    """The pool that a connection belongs to."""

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        """Hand an answer to whoever waits for it."""

    def rest(self, connection: "Connection") -> None:
        """Keep an open connection for another mail."""

    def go_on(self, connection: "Connection") -> None:
        """Note that a mail is answered and the one behind it under way."""

    def give_back(self, connection: "Connection", mails: Sequence[Exchange]) -> None:
        """Send mails over another connection: this one has ended, and answered none of them."""

    def drop(self, connection: "Connection") -> None:
        """Let go of a connection that is gone."""


class Connection(asyncio.Protocol):
    """At most one mail under way, and one ahead: behind it, and still without its content."""

    def __init__(self, owner: Owner, opened_at: float) -> None:
        self._owner = owner
        self.opened_at = opened_at
        self.begun_at = opened_at  # when the mail under way was alone or first
        self.is_quick = False  # the last mail was answered soon
        self.mails = 0  # that were begun
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._poll: Callable[[int], object] = select.poll().poll  # what the kernel has to read
        self._features: Features | None = None  # None: the session is being opened
        self._is_pipelined = False
        self._waiter: asyncio.Future[Reply] | None = None  # of the session's opening
        self._greeting: Reply | None = None  # that came before anybody asked
        self._failure: str | None = None  # of the connection
        self._mail: Exchange | None = None
        self._ahead: Exchange | None = None
        self._is_spent = False  # replies to a mail that has ended may be still to come
        self.cut_at = inf
        self._needs_reset = False
        self._go_ahead = b""  # the last answer to a whole envelope that let the content go

    @property
    def is_reusable(self) -> bool:
        """Whether the next mail may be begun: open, and nothing of the server unread."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._poll(0)

    @property
    def takes_ahead(self) -> bool:
        """Whether a mail may be begun behind the one under way."""
        return self.is_quick and self._is_pipelined

    @property
    def transport(self) -> asyncio.Transport:
        """The open transport.

        Raises:
            SessionFailed: There is none.
        """
        if self._transport is None or self._transport.is_closing():
            raise SessionFailed(Answer(Stage.SESSION, None, self._failure or "closed"))
        return self._transport

    def begin(
        self, mail: Mail, deadline: float, done: OnAnswer, turn_by: float | None = None
    ) -> None:
        """Send a mail, once the session is there; behind another, if that ends by `turn_by`."""
        self.mails += 1
        before = self._mail
        exchange = Exchange(mail, deadline, done, turn_by)
        if before is None:
            self._mail = exchange
            self.cut_at = deadline
        else:
            self._ahead = exchange
            self.cut_at = min(self.cut_at, exchange.turn_by)
        if before is None or (before.stage is Stage.CONTENT and self._is_pipelined):
            self._write(self._envelope(exchange))

    def start(self, features: Features) -> None:
        """Begin with the mail that has waited for the session."""
        self._features, self._is_pipelined = features, features.pipelining
        if self._mail is not None:
            self._write(self._envelope(self._mail))

    def fail(self, failure: str) -> None:
        """End the mail under way, if any, and the connection."""
        self._failure = self._failure or failure
        stage = Stage.SESSION if self._mail is None else self._mail.stage
        self.end(Answer(stage, None, failure))

    def end(self, answer: Answer) -> None:
        """End the connection with an answer to the mail under way, if any."""
        self.cut_at = inf
        if self._transport is not None:
            self._transport.abort()
        mails = [each for each in (self._mail, self._ahead) if each is not None]
        self._mail = self._ahead = None
        self._owner.give_back(self, [each for each in mails if each.is_ahead])
        for each in mails:
            if not each.is_ahead:
                self._owner.settle(each.done, answer)

    def cut(self) -> None:
        """End what has lasted too long: a mail, or a rest."""
        if self._mail is None:
            self._owner.drop(self)
            self.quit()
        elif self._ahead is not None and self._ahead.turn_by < self._mail.deadline:
            self._cut_ahead(self._mail, self._ahead)
        else:
            self.fail("timeout")

    def _cut_ahead(self, mail: Exchange, ahead: Exchange) -> None:
        """End the mail ahead; the one under way has its time."""
        self._ahead = None
        self._is_spent = ahead.is_sent
        self.cut_at = mail.deadline
        self._owner.settle(ahead.done, ahead.without_turn)

    def quit(self) -> None:
        """Take leave of the server, whose answer nobody waits for."""
        self.cut_at = inf
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    # The session's opening

    async def ask(self, command: bytes) -> Reply:
        """Send a command and return its reply; nothing is sent for the greeting.

        Raises:
            SessionFailed: The connection ended.
        """
        if self._greeting is not None and not command:
            return self._greeting
        transport = self.transport
        self._waiter = asyncio.get_running_loop().create_future()
        if command:
            transport.write(command)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def encrypted(self, transport: asyncio.Transport) -> None:
        """Go on over TLS: what was received before it counts no more."""
        self._transport = transport
        self._replies = Replies()

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the greeting comes first."""
        self._transport = cast("asyncio.Transport", transport)
        socket = transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(socket.fileno(), select.POLLIN)
        self._poll = poll.poll

    def data_received(self, data: bytes) -> None:
        """Read replies; whatever is not asked for ends the connection."""
        known = self._go_ahead
        if known and data.endswith(known):  # as for an earlier mail, when it was parsed
            before = data[: -len(known)]  # the answer to the mail before
            mail = self._ahead if before else self._mail
            if mail is not None and mail.is_unanswered:
                if before:
                    self._read(before)
                    data = known
                if mail is self._mail and mail.is_unanswered and self._replies.is_empty:
                    self._write_content(mail.content())
                    return
        self._read(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the mail under way."""
        self._owner.drop(self)
        self._broken("reset" if exc else "closed")

    def _read(self, data: bytes) -> None:
        mail = self._mail if self._replies.is_empty else None
        is_first = mail is not None and mail.is_unanswered
        try:
            replies = self._replies.feed(data)
        except Malformed as error:
            self._broken(str(error))
            return
        for place, reply in enumerate(replies, 1):
            is_last = place == len(replies) and self._replies.is_empty
            # Else somebody has written into the server's answer to STARTTLS, before TLS began.
            if self._waiter is not None and not self._waiter.done() and is_last:
                self._waiter.set_result(reply)
            elif self._mail is not None and self._mail.is_sent:
                self._replied(self._mail, reply, is_last=is_last)
            elif self._features is None and self._greeting is None and is_last:
                self._greeting = reply
            else:
                self._broken("malformed")
                return
        if mail and is_first and mail is self._mail and mail.stage is Stage.CONTENT:
            self._go_ahead = data

    def _broken(self, failure: str) -> None:
        self._failure = self._failure or failure
        if self._waiter is not None and not self._waiter.done():
            answer = Answer(Stage.SESSION, None, failure)
            self._waiter.set_exception(SessionFailed(answer))
        elif self._features is not None or self._mail is None:
            self.fail(failure)
        elif self._transport is not None:  # of a session that is opened: the next question fails
            self._transport.abort()

    # Mails

    def _envelope(self, exchange: Exchange) -> bytes:
        """Return what is sent of a mail now; nothing before the session is there."""
        if self._features is None:
            return b""
        refusal = exchange.prepare(self._features)
        if refusal is not None:  # not before `begin` has returned
            asyncio.get_running_loop().call_soon(self._declined, exchange, refusal)
            return b""
        needs_reset, self._needs_reset = self._needs_reset, False
        return exchange.envelope(self._features, needs_reset=needs_reset)

    def _declined(self, exchange: Exchange, failure: str) -> None:
        """End a mail of which nothing was sent."""
        answer = Answer(exchange.stage, None, failure)
        if exchange is self._mail:
            self._finish(exchange, answer)
        elif exchange is self._ahead:
            self._ahead = None
            self._owner.settle(exchange.done, answer)

    def _replied(self, mail: Exchange, reply: Reply, *, is_last: bool) -> None:
        is_followed = self._ahead is not None and self._ahead.is_sent  # its replies come behind
        result = mail.replied(reply, is_last=is_last or is_followed)
        if isinstance(result, Ended):
            self._needs_reset = result.answer.stage is not Stage.CONTENT
            self._finish(mail, result.answer, is_kept=result.is_kept)
        elif mail.stage is Stage.CONTENT:
            self._write_content(result)
        else:
            self._write(result)

    def _write_content(self, content: bytes) -> None:
        ahead = self._ahead
        if ahead is not None and not ahead.is_sent and self._is_pipelined:
            content += self._envelope(ahead)
        self._write(content)

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _finish(self, mail: Exchange, answer: Answer, *, is_kept: bool = True) -> None:
        """End a mail, and go on with the one behind it."""
        is_open = self._transport is not None and not self._transport.is_closing()
        if self._is_spent or not (is_kept and is_open):
            self.end(answer)
            return
        following = self._mail = self._ahead
        self._ahead = None
        if following is None:
            self._owner.rest(self)
        else:
            self.cut_at = following.deadline
            self._owner.go_on(self)
            if not following.is_sent:
                self._write(self._envelope(following))
        self._owner.settle(mail.done, answer)
