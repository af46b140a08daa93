"""One SMTP connection: mails go out one after the other, each ends in one answer.

Nothing that the other side sends raises, is kept beyond a limit, or reaches the next mail.
"""

import asyncio
import select
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Protocol, cast

from services.dispatcher.gateways.smtp.answer import (
    MAIL_TOO_LARGE,
    NEEDS_SMTPUTF8,
    Answer,
    OnAnswer,
    SessionFailed,
    Stage,
)
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.mail import Mail, envelope
from services.dispatcher.gateways.smtp.reply import Malformed, Replies, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOSING, _GO_ON = 421, 354
_WHOLE_MAIL = 4  # steps: sender, recipient, DATA, content
_RESET, _DATA = (Stage.SESSION, b"RSET\r\n"), (Stage.DATA, b"DATA\r\n")


class Owner(Protocol):
    """The pool that a connection belongs to."""

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        """Hand an answer to whoever waits for it."""

    def rest(self, connection: "Connection") -> None:
        """Keep an open connection for another mail."""

    def drop(self, connection: "Connection") -> None:
        """Let go of a connection that is gone."""


class Connection(asyncio.Protocol):
    """At most one mail at a time; its answer goes to the receiver that `begin` got."""

    def __init__(self, owner: Owner, opened_at: float) -> None:
        self._owner = owner
        self.opened_at = opened_at
        self.mails = 0  # that were begun
        self._replies = Replies()
        self._transport: asyncio.Transport | None = None
        self._poll: Callable[[int], object] = select.poll().poll  # what the kernel has to read
        self._features: Features | None = None  # None: the session is being opened
        self._waiter: asyncio.Future[Reply] | None = None  # of the session's opening
        self._greeting: Reply | None = None  # that came before anybody asked
        self._failure: str | None = None  # of the connection
        self._mail: Mail | None = None
        self._done: OnAnswer | None = None
        self._deadline = self.cut_at = inf
        self._stage = Stage.SESSION
        self._steps: deque[tuple[Stage, bytes]] = deque()  # replies that are still to come
        self._fault: Answer | None = None  # the first refusal of this mail
        self._needs_reset = False
        self._go_ahead = b""  # the last answer to a whole envelope that let the content go

    @property
    def is_reusable(self) -> bool:
        """Whether the next mail may be begun: open, and nothing of the server unread."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._poll(0)

    @property
    def transport(self) -> asyncio.Transport:
        """The open transport.

        Raises:
            SessionFailed: There is none.
        """
        if self._transport is None or self._transport.is_closing():
            raise SessionFailed(Answer(Stage.SESSION, None, self._failure or "closed"))
        return self._transport

    def begin(self, mail: Mail, deadline: float, done: OnAnswer) -> None:
        """Send a mail, as soon as the session is there."""
        self._mail, self._done, self._fault = mail, done, None
        self._deadline = self.cut_at = deadline
        self._stage = Stage.SESSION
        self.mails += 1
        if self._features is not None:
            self._transact(mail, self._features)

    def start(self, features: Features) -> None:
        """Begin with the mail that has waited for the session."""
        self._features = features
        if self._mail is not None:
            self._transact(self._mail, features)

    def fail(self, failure: str) -> None:
        """End the mail under way, if any, and the connection."""
        self._failure = self._failure or failure
        self.end(Answer(self._stage, None, failure))

    def end(self, answer: Answer) -> None:
        """End the connection with an answer to the mail under way, if any."""
        self.cut_at = inf
        self._hang_up()
        if self._done is not None:
            self._settle(answer)

    def cut(self) -> None:
        """End what has lasted too long: a mail, or a rest."""
        if self._done is None:
            self._owner.drop(self)
            self.quit()
        else:
            self.fail("timeout")

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
        is_first = len(self._steps) == _WHOLE_MAIL and self._replies.is_empty
        if is_first and data == self._go_ahead:
            self._begin_content()  # the same as for an earlier mail, when it was parsed
            return
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
            elif self._done is not None and self._steps:
                self._replied(reply, is_last=is_last)
            elif self._features is None and self._greeting is None and is_last:
                self._greeting = reply
            else:
                self._broken("malformed")
                return
        if is_first and self._stage is Stage.CONTENT and self._steps:
            self._go_ahead = data

    def connection_lost(self, exc: Exception | None) -> None:
        """End the mail under way."""
        self._owner.drop(self)
        self._broken("reset" if exc else "closed")

    def _broken(self, failure: str) -> None:
        self._failure = self._failure or failure
        if self._waiter is not None and not self._waiter.done():
            answer = Answer(Stage.SESSION, None, failure)
            self._waiter.set_exception(SessionFailed(answer))
        elif self._features is not None or self._done is None:
            self.fail(failure)
        else:  # the session is being opened, and the next question finds it out
            self._hang_up()

    # The mail under way

    def _transact(self, mail: Mail, features: Features) -> None:
        content = mail.content_for(has_8bit=features.eight_bit)
        if features.size and len(content) > features.size:
            self._decline(MAIL_TOO_LARGE)
        elif mail.needs_smtputf8 and not features.smtputf8:
            self._decline(NEEDS_SMTPUTF8)
        else:
            self._send(mail, content, features)

    def _send(self, mail: Mail, content: bytes, features: Features) -> None:
        sender, recipient = envelope(mail, len(content), features)
        steps = self._steps
        steps.clear()
        if self._needs_reset:
            steps.append(_RESET)
        steps += ((Stage.SENDER, sender), (Stage.RECIPIENT, recipient), _DATA)
        self._needs_reset = False
        self._stage = steps[0][0]
        all_at_once = b"".join([command for _, command in steps])
        self._write(all_at_once if features.pipelining else steps[0][1])
        steps.append((Stage.CONTENT, content))

    def _decline(self, failure: str) -> None:
        """End a mail of which nothing was sent; not before `begin` has returned."""
        asyncio.get_running_loop().call_soon(self._declined, failure)

    def _declined(self, failure: str) -> None:
        if self._done is not None:
            self._finish(Answer(self._stage, None, failure))

    def _replied(self, reply: Reply, *, is_last: bool) -> None:
        stage, _ = self._steps.popleft()
        works = reply.code == _GO_ON if stage is Stage.DATA else reply.is_done
        if not is_last and (stage is Stage.DATA or not self._is_pipelined):
            self.fail("malformed")  # an answer to what was not said yet
        elif reply.code == _CLOSING or (stage is Stage.SESSION and not works):
            self.end(Answer(stage, reply))
        elif stage is Stage.CONTENT:
            is_kept = is_last and not reply.wants_more
            self._finish(Answer(stage, reply), is_kept=is_kept)
        elif works:
            self._go_on(stage)
        elif reply.kind in {4, 5}:
            self._refused(Answer(stage, reply))
        else:  # it answers something else
            self.end(self._fault or Answer(stage, reply))

    @property
    def _is_pipelined(self) -> bool:
        return self._features is not None and self._features.pipelining

    def _refused(self, answer: Answer) -> None:
        self._fault = self._fault or answer
        if answer.stage is Stage.DATA or not self._is_pipelined:
            self._needs_reset = True
            self._finish(self._fault)
        else:
            self._stage = self._steps[0][0]

    def _go_on(self, stage: Stage) -> None:
        if stage is Stage.DATA and self._fault is not None:
            # It wants a mail without recipients. Nothing but the end of the connection is safe.
            self.end(self._fault)
            return
        self._stage, command = self._steps[0]  # before the write: then the final dot may be out
        if stage is Stage.DATA or not self._is_pipelined:
            self._write(command)

    def _begin_content(self) -> None:
        for _ in range(_WHOLE_MAIL - 1):
            self._steps.popleft()
        self._stage, content = self._steps[0]
        self._write(content)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _finish(self, answer: Answer, *, is_kept: bool = True) -> None:
        if not is_kept or self._transport is None or self._transport.is_closing():
            self.end(answer)
            return
        self._settle(answer, is_kept=True)

    def _settle(self, answer: Answer, *, is_kept: bool = False) -> None:
        done, self._done, self._mail = self._done, None, None
        self._steps.clear()
        if is_kept:
            self._owner.rest(self)
        if done is not None:
            self._owner.settle(done, answer)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
