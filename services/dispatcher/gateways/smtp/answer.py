"""An SMTP server's answer to one mail: how far it came, and the reply that ended it."""

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

import msgspec

from services.dispatcher.gateways.smtp.reply import Reply


class Stage(Enum):
    """How far a mail has come. Until `CONTENT` the server certainly has not taken it."""

    SESSION = auto()  # connecting, greeting, EHLO, TLS, AUTH, RSET: nothing of this mail
    SENDER = auto()  # MAIL FROM
    RECIPIENT = auto()  # RCPT TO
    DATA = auto()  # the command; its reply asks for the content
    CONTENT = auto()  # the final dot may be on its way


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What ended an attempt: a reply, or the failure to get one."""

    stage: Stage
    reply: Reply | None
    failure: str | None = None  # a slug; None: the reply is the answer


class SessionFailed(Exception):
    """There is no session: its argument is the answer that says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.failure)
        self.answer = answer


OnAnswer: TypeAlias = Callable[[Answer], None]

# The mail before it was not answered soon, so it was not waited for.
NO_TURN = "no_turn"
# Failures that are the mail's own, found before its content went out.
MAIL_TOO_LARGE, NEEDS_SMTPUTF8 = "mail_too_large", "needs_smtputf8"
