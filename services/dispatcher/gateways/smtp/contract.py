"""The contract of an SMTP gateway: what each answer means for the message. Pure.

| answer                                                  | means                            |
|---------------------------------------------------------|----------------------------------|
| 2xx to the content                                      | accepted                         |
| no reply, no SMTP, or 421 after the final dot           | unknown                          |
| the same before it                                      | not processed                    |
| 4xx to anything                                         | not processed                    |
| 5xx to RCPT or to the content                           | refused for good, but for        |
|   530 534 535 538, 5.7.x, 5.1.7, 5.1.8, 5.3.0-3, 5.5.x, | what speaks of us or the gateway:|
|   500 502 503 504, relaying                             | not processed                    |
| 552 or 5.3.4 to MAIL FROM                               | refused for good                 |
| 5xx to all else                                         | not processed                    |
"""

import re

from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.gateways.legible import legible
from services.dispatcher.gateways.smtp.answer import (
    MAIL_TOO_LARGE,
    NEEDS_SMTPUTF8,
    Answer,
    Stage,
)
from services.dispatcher.gateways.smtp.reply import Reply

_CLOSING = 421
_TOO_LARGE = 552
# Source: RFC 4954 §6. The login is wrong or missing: no message is burnt for it.
_UNAUTHORIZED = frozenset({530, 534, 535, 538})
# Source: RFC 5321 §4.2.3. The server did not understand us, which says nothing of the recipient.
_OF_COMMANDS = frozenset({500, 502, 503, 504})
# Source: RFC 3463 §3. Our address, their system, the protocol, and policy; 5.3.4 is the mail's.
_OF_US = re.compile(rb"5\.(?:1\.[78]|3\.[0-3]|5\.\d{1,3}|7\.\d{1,3})(?!\d)")
_OF_THE_SIZE = re.compile(rb"5\.3\.4(?!\d)")
# What older servers say without an enhanced code: "550 relaying denied", "relay not permitted".
_RELAYING = re.compile(rb"\brelay", re.IGNORECASE)
_OF_THE_MAIL = frozenset({MAIL_TOO_LARGE, NEEDS_SMTPUTF8})

# Where servers say how they call a mail: Postfix, Exim, Sendmail, Amazon SES.
_QUEUE_ID = re.compile(
    r"queued as ([\w.+-]{1,200})"
    r"|\bid=([\w.+-]{1,200})"
    r"|(\w{8,200}) Message accepted"
    r"|^(?:2\.\d\.\d )?Ok ([\w-]{16,200})$",
    re.IGNORECASE,
)


def judge(answer: Answer) -> Verdict:
    """Return what an answer means for the message. Never raises."""
    reply, is_sent = answer.reply, answer.stage is Stage.CONTENT
    code = None if reply is None else reply.code
    text = "" if reply is None else legible(b"%d %b" % (reply.code, reply.text))
    if answer.failure is not None or reply is None:
        failure = answer.failure or "malformed"
        if failure in _OF_THE_MAIL and not is_sent:
            return Verdict(Outcome.REFUSED, failure, code, None, text)
        outcome = Outcome.UNKNOWN if is_sent else Outcome.NOT_PROCESSED
        return Verdict(outcome, failure, code, None, text)
    if is_sent and reply.is_done:
        return Verdict(Outcome.ACCEPTED, "accepted", code, _queue_id(reply), text)
    outcome, reason = _judge_reply(answer.stage, reply)
    return Verdict(outcome, reason, code, None, text)


def _judge_reply(stage: Stage, reply: Reply) -> tuple[Outcome, str]:
    is_sent, reason = stage is Stage.CONTENT, f"status_{reply.code}"
    match reply.kind:
        case 4 if is_sent and reply.code == _CLOSING:
            return Outcome.UNKNOWN, reason
        case 4:
            return Outcome.NOT_PROCESSED, reason
        case 5:
            return _judge_refusal(stage, reply, reason)
        case _:
            outcome = Outcome.UNKNOWN if is_sent else Outcome.NOT_PROCESSED
            return outcome, "contract_violation"


def _judge_refusal(stage: Stage, reply: Reply, reason: str) -> tuple[Outcome, str]:
    if reply.code in _UNAUTHORIZED:
        return Outcome.NOT_PROCESSED, "unauthorized"
    if stage is Stage.SENDER and _is_of_the_size(reply):
        return Outcome.REFUSED, reason
    if stage in {Stage.RECIPIENT, Stage.CONTENT} and not _is_of_us(reply):
        return Outcome.REFUSED, reason
    return Outcome.NOT_PROCESSED, reason


def _is_of_the_size(reply: Reply) -> bool:
    return reply.code == _TOO_LARGE or _OF_THE_SIZE.match(reply.text) is not None


def _is_of_us(reply: Reply) -> bool:
    """Return whether a refusal speaks of us or of the server, so that any mail would get it."""
    return (
        reply.code in _OF_COMMANDS
        or _OF_US.match(reply.text) is not None
        or _RELAYING.search(reply.text) is not None
    )


def _queue_id(reply: Reply) -> str | None:
    found = _QUEUE_ID.search(reply.text.decode("ascii", "replace"))
    return None if found is None else found[found.lastindex or 0]
