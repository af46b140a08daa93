"""An exchange: one mail over a connection, from its envelope to the reply that ends it. Pure."""

import msgspec

from services.dispatcher.gateways.smtp.answer import (
    MAIL_TOO_LARGE,
    NEEDS_SMTPUTF8,
    NO_TURN,
    Answer,
    OnAnswer,
    Stage,
)
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.mail import Mail, envelope
from services.dispatcher.gateways.smtp.reply import Reply

_CLOSING, _GO_ON = 421, 354
_RESET, _DATA = b"RSET\r\n", b"DATA\r\n"
_STAGES = (Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.CONTENT)
_STAGES_AFTER_RESET = (Stage.SESSION, *_STAGES)


class Ended(msgspec.Struct, frozen=True, gc=False):
    """What ended an exchange, and whether its connection may carry another."""

    answer: Answer
    is_kept: bool


class Exchange:
    """A mail, how far it has come, and who waits for its answer."""

    __slots__ = (
        "_commands",
        "_content",
        "_fault",
        "_is_pipelined",
        "_place",
        "_stages",
        "deadline",
        "done",
        "is_ahead",
        "is_sent",
        "mail",
        "stage",
        "turn_by",
    )

    def __init__(
        self, mail: Mail, deadline: float, done: OnAnswer, turn_by: float | None = None
    ) -> None:
        """`turn_by`: when the mail before it must be answered, if there is one."""
        self.mail = mail
        self.deadline = deadline
        self.done = done
        self.turn_by = deadline if turn_by is None else min(turn_by, deadline)
        self.is_ahead = turn_by is not None  # behind another mail, and not answered for itself
        self.is_sent = False  # its envelope, or the first command of it
        self.stage = Stage.SESSION  # of the reply that comes next
        self._is_pipelined = False
        self._content = b""
        self._commands: tuple[bytes, ...] = ()
        self._stages: tuple[Stage, ...] = _STAGES  # of the replies to these
        self._place = 0
        self._fault: Answer | None = None  # the first refusal

    @property
    def is_unanswered(self) -> bool:
        """Whether its whole envelope is sent, and no reply to it has come."""
        return self.stage is Stage.SENDER and self._is_pipelined

    @property
    def without_turn(self) -> Answer:
        """What it comes to if the mail before it was not answered in time."""
        return Answer(self.stage, None, NO_TURN if self.turn_by < self.deadline else "timeout")

    def prepare(self, features: Features) -> str | None:
        """Make the content; return why this server takes no such mail, as a slug, or None."""
        mail = self.mail
        self._content = mail.content_for(has_8bit=features.eight_bit)
        if features.size and len(self._content) > features.size:
            return MAIL_TOO_LARGE
        return NEEDS_SMTPUTF8 if mail.needs_smtputf8 and not features.smtputf8 else None

    def envelope(self, features: Features, *, needs_reset: bool) -> bytes:
        """Return what is sent now: all up to DATA, or the first command of it."""
        sender, recipient = envelope(self.mail, len(self._content), features)
        self._commands = (sender, recipient, _DATA, self._content)
        if needs_reset:
            self._commands = (_RESET, *self._commands)
            self._stages = _STAGES_AFTER_RESET
        self.stage = self._stages[0]
        self.is_sent, self._is_pipelined = True, features.pipelining
        return b"".join(self._commands[:-1]) if features.pipelining else self._commands[0]

    def content(self) -> bytes:
        """Return the content, which all replies to the envelope have asked for."""
        self.stage = Stage.CONTENT  # before it is sent: then the final dot may be out
        self.is_ahead = False
        return self._content

    def replied(self, reply: Reply, *, is_last: bool) -> bytes | Ended:
        """Return what is sent now, if anything, or what the reply has ended.

        `is_last`: nothing came behind it that was not asked for.
        """
        stage = self.stage
        works = reply.code == _GO_ON if stage is Stage.DATA else reply.is_done
        if not is_last and (stage is Stage.DATA or not self._is_pipelined):
            # An answer to what was not said yet.
            return Ended(Answer(stage, None, "malformed"), is_kept=False)
        if reply.code == _CLOSING or (stage is Stage.SESSION and not works):
            return self._ended(Answer(stage, reply), is_kept=False)
        if stage is Stage.CONTENT:
            return Ended(Answer(stage, reply), is_kept=is_last and not reply.wants_more)
        if works:
            return self._go_on()
        if reply.kind in {4, 5}:
            return self._refused(Answer(stage, reply))
        # It answers something else; behind another mail perhaps what came one too many for that.
        return Ended(self._fault or Answer(stage, reply), is_kept=False)

    def _go_on(self) -> bytes | Ended:
        if self.stage is Stage.DATA:
            if self._fault is None:
                return self.content()
            # It wants a mail without recipients. Nothing but the end of the connection is safe.
            return self._ended(self._fault, is_kept=False)
        command = self._next()
        return b"" if self._is_pipelined else command

    def _refused(self, answer: Answer) -> bytes | Ended:
        self._fault = self._fault or answer
        if answer.stage is Stage.DATA or not self._is_pipelined:
            return self._ended(self._fault, is_kept=True)
        self._next()
        return b""

    def _ended(self, answer: Answer, *, is_kept: bool) -> Ended:
        """Return an answer that is its own."""
        self.is_ahead = False
        return Ended(answer, is_kept)

    def _next(self) -> bytes:
        self._place += 1
        self.stage = self._stages[self._place]
        return self._commands[self._place]
