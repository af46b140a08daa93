"""The contract of an SMTP gateway: what each answer means for the message. Pure.

| answer                                                  | means                            |
|---------------------------------------------------------|----------------------------------|
| 2xx to the content                                      | accepted                         |
| no reply, no SMTP, or 421 after the final dot           | unknown                          |
| the same before it                                      | not processed                    |
| none soon to the mail before it on the connection       | not started, no attempt is used  |
| 4xx to anything                                         | not processed                    |
| 5xx to RCPT or to the content                           | refused for good, unless it      |
|                                                         | speaks of us or of the server    |
| 5xx that speaks of us: login, relaying, our address,    | not processed, and the gateway's |
|   rate; 5.7.x of several recipients' domains in a row   | fault: no message is burnt       |
| 5xx that speaks of the server: commands, its state;     | not processed                    |
|   5xx to all else                                       |                                  |
| 552 or 5.3.4 to MAIL FROM                               | refused for good                 |

Of whom a 5xx speaks says the table in `refusals.py`.

421, 450 and 452 with a time in words pause the server, but for those that greylist: then the one
mail waits. A login or a certificate that does not pass is the server's fault, or ours.
"""

import re

from msgspec.structs import replace

from services.dispatcher.domain.outcome import (
    NOT_STARTED,
    Finding,
    Outcome,
    Verdict,
    verdict_of,
)
from services.dispatcher.gateways.connecting import MISPLACED
from services.dispatcher.gateways.legible import legible
from services.dispatcher.gateways.smtp.answer import (
    MAIL_TOO_LARGE,
    NEEDS_SMTPUTF8,
    NO_TURN,
    Answer,
    Stage,
)
from services.dispatcher.gateways.smtp.refusals import POLICY, TABLE, is_of_recipient, row_of
from services.dispatcher.gateways.smtp.reply import Reply
from services.dispatcher.gateways.smtp.wait import wait_in

_CLOSING = 421
_REFUSED = 5  # the first digit
# What may name a time to wait: closing, and what is postponed.
_WAITS = frozenset({421, 450, 452})
# A server that does not know a recipient's mails yet: the next recipient is another matter.
_GREYLISTING = re.compile(rb"gr[ea]y-?\s?list", re.IGNORECASE)
_OF_THE_SERVER = MISPLACED | {"no_tls", "no_login"}
_OF_THE_MAIL = frozenset({MAIL_TOO_LARGE, NEEDS_SMTPUTF8})

# Where servers say how they call a mail: Postfix, which is looked for first, for that is quick;
# Exim, Sendmail, Amazon SES.
_POSTFIX_ID = re.compile(rb"queued as ([\w.+-]{1,200})")
_QUEUE_ID = re.compile(
    rb"queued as ([\w.+-]{1,200})"
    rb"|\bid=([\w.+-]{1,200})"
    rb"|(\w{8,200}) Message accepted"
    rb"|^(?:2\.\d\.\d )?Ok ([\w-]{16,200})$",
    re.IGNORECASE,
)


def judge(answer: Answer, *, is_policy_against_us: bool = False) -> Verdict:
    """Return what an answer means for the message. Never raises.

    `is_policy_against_us`: whether a policy that it speaks of is not the recipient's own.
    """
    if answer.failure == NO_TURN:
        return NOT_STARTED
    reply, is_sent = answer.reply, answer.stage is Stage.CONTENT
    code = None if reply is None else reply.code
    text = "" if reply is None else legible(b"%d %b" % (reply.code, reply.text))
    if answer.failure is not None or reply is None:
        failure = answer.failure or "malformed"
        return verdict_of(_without_reply(failure, is_sent=is_sent), failure, code, answer=text)
    if is_sent and reply.is_done:
        return Verdict(Outcome.ACCEPTED, "accepted", code, _queue_id(reply), text)
    finding, reason = _judge_reply(answer.stage, reply)
    if is_policy_against_us and speaks_of_policy(answer):
        finding = Finding.DENIED
    asked = wait_in(text) if reply.code in _WAITS else None
    verdict = verdict_of(finding, reason, code, answer=text, retry_after_s=asked)
    if finding is Finding.REFUSED and is_of_recipient(answer.stage, reply):
        return replace(verdict, reason=f"recipient_{reply.code}", bounced="email")
    return verdict


def _without_reply(failure: str, *, is_sent: bool) -> Finding:
    if is_sent:
        return Finding.SILENT
    if failure in _OF_THE_MAIL:
        return Finding.REFUSED
    return Finding.MISPLACED if failure in _OF_THE_SERVER else Finding.UNREACHABLE


def _judge_reply(stage: Stage, reply: Reply) -> tuple[Finding, str]:
    is_sent, reason = stage is Stage.CONTENT, f"status_{reply.code}"
    match reply.kind:
        case 4 if is_sent and reply.code == _CLOSING:
            return Finding.FAILED, reason
        case 4:
            return _judge_postponed(stage, reply), reason
        case 5:
            row = row_of(stage, reply)
            return row.finding, "unauthorized" if row is TABLE[0] else reason
        case _:
            return Finding.GARBLED if is_sent else Finding.UNABLE, "contract_violation"


def speaks_of_policy(answer: Answer) -> bool:
    """Return whether a recipient, or a mail to it, was refused by somebody's policy."""
    reply = answer.reply
    is_refusal = reply is not None and reply.kind == _REFUSED
    return is_refusal and reply is not None and row_of(answer.stage, reply).of == POLICY


def _judge_postponed(stage: Stage, reply: Reply) -> Finding:
    """Return whether a server speaks of the recipient, as those do that greylist, or of itself."""
    if _GREYLISTING.search(reply.text):
        return Finding.POSTPONED
    asks = reply.code in _WAITS and wait_in(legible(reply.text)) is not None
    is_of_recipient = stage is Stage.RECIPIENT and reply.code != _CLOSING and not asks
    return Finding.POSTPONED if is_of_recipient else Finding.BUSY


def _queue_id(reply: Reply) -> str | None:
    text = reply.text
    found = _POSTFIX_ID.search(text) or _QUEUE_ID.search(text)
    return None if found is None else found[found.lastindex or 0].decode("ascii")
