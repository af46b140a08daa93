"""The contract of an HTTP gateway: what is sent to it, and what its answers mean.

`{"id", "phone", "text"[, "subject"]}` goes out, the message's id as Idempotency-Key as well; 200,
201 or 202 with `{"id": "<the gateway's own>", "status": "accepted"}` means accepted.

Not taken, and tried again: 401, 403, 408, 425, 429, redirects. Refused for good: all other 4xx but
409. Unknown is all the rest, and 422 to a repeat of what may have arrived.

Whether 500 and 503 mean not taken is the gateway's to say: `DISPATCHER_HTTP_GATEWAY_NOT_TAKEN`.
One that may take a message and fail then must have them unknown, or it gets the message again and
again. What is unknown goes to an idempotent gateway until it answers, to any other once more, or
not at all: `DISPATCHER_HTTP_GATEWAY_RESENDS_UNKNOWN`.
"""

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec

from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.legible import legible

# Source: the error table of RFC 9110 §15, read for a request that must not happen twice.
_TAKEN = frozenset({200, 201, 202})
_UNAUTHORIZED = frozenset({401, 403})  # the gateway's fault or ours: no message is burnt for it
_NOT_PROCESSED = frozenset({408, 425, 429})
NOT_TAKEN = frozenset({500, 503})  # as well, unless the gateway is known to be otherwise
_CONFLICT = 409  # the same key is being worked on, or was used: nobody knows
# So a key may be answered that was used before, for other content or by a request under way.
# Source: draft-ietf-httpapi-idempotency-key-header-07 §2.7.
_OF_A_USED_KEY = frozenset({409, 422})


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a request."""

    id: str
    phone: str
    text: str
    subject: str | None = None


class _Accepted(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    status: Literal["accepted"]


_ACCEPTED = msgspec.json.Decoder(_Accepted)


def judge(answer: Answer, not_taken: Collection[int] = NOT_TAKEN) -> Verdict:
    """Return what an answer means for the message. Never raises.

    `not_taken`: of 500 and 503 those with which this gateway has certainly not taken it.
    """
    status = answer.status
    if answer.failure is not None or status is None:
        outcome = Outcome.UNKNOWN if answer.was_sent else Outcome.NOT_PROCESSED
        return Verdict(outcome, answer.failure or "malformed", status, None, legible(answer.body))
    if status in _TAKEN:
        return _judge_taken(answer, status)
    outcome, reason = _judge_status(status, not_taken)
    text, is_conflict = legible(answer.body), status in _OF_A_USED_KEY
    return Verdict(outcome, reason, status, None, text, is_conflict)


def _judge_taken(answer: Answer, status: int) -> Verdict:
    text = legible(answer.body)
    if _is_json(answer):
        try:
            accepted = _ACCEPTED.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if accepted.id.isprintable():
                return Verdict(Outcome.ACCEPTED, "accepted", status, accepted.id, text)
    return Verdict(Outcome.UNKNOWN, "contract_violation", status, None, text)


def _judge_status(status: int, not_taken: Collection[int]) -> tuple[Outcome, str]:
    reason = f"status_{status}"
    match status // 100:
        case 2:
            verdict = Outcome.UNKNOWN, "contract_violation"
        case 3:
            verdict = Outcome.NOT_PROCESSED, "redirect"
        case _ if status in _UNAUTHORIZED:
            verdict = Outcome.NOT_PROCESSED, "unauthorized"
        case _ if status in _NOT_PROCESSED or status in not_taken:
            verdict = Outcome.NOT_PROCESSED, reason
        case 4 if status != _CONFLICT:
            verdict = Outcome.REFUSED, reason
        case _:
            verdict = Outcome.UNKNOWN, reason
    return verdict


def _is_json(answer: Answer) -> bool:
    if answer.content_encoding.strip().lower() not in {"", "identity"}:
        return False
    return (
        answer.content_type == "application/json"
        or answer.content_type.partition(";")[0].strip().lower() == "application/json"
    )
