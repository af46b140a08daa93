"""The contract of an HTTP gateway: what is sent to it, and what its answers mean.

`{"id", "phone", "text"[, "subject"]}` goes out, the message's id as Idempotency-Key as well; 200,
201 or 202 with `{"id": "<the gateway's own>", "status": "accepted"}` means accepted.

Not taken, and tried again: 401, 403, 408, 425, 429, redirects. Refused for good: all other 4xx but
409. Unknown is all the rest, and 422 to a repeat of what may have arrived. 429 and 503 with
Retry-After pause the gateway; 401, 403, redirects, its name and its certificate are its fault.

Whether 500 and 503 mean not taken is the gateway's to say: `DISPATCHER_HTTP_GATEWAY_NOT_TAKEN`.
One that may take a message and fail then must have them unknown, or it gets the message again and
again. What is unknown goes to an idempotent gateway until it answers, to any other once more, or
not at all: `DISPATCHER_HTTP_GATEWAY_RESENDS_UNKNOWN`.
"""

from collections.abc import Collection
from time import time
from typing import Annotated, Literal

import msgspec

from services.dispatcher.domain.outcome import Finding, Outcome, Verdict, verdict_of
from services.dispatcher.gateways.connecting import MISPLACED
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.retry_after import retry_after_s
from services.dispatcher.gateways.legible import legible

# Source: the error table of RFC 9110 §15, read for a request that must not happen twice.
TAKEN = frozenset({200, 201, 202})
_UNAUTHORIZED = frozenset({401, 403})  # the gateway's fault or ours: no message is burnt for it
_BUSY = frozenset({408, 425, 429})
_WAITS = frozenset({429, 503})  # what Retry-After is obeyed with
NOT_TAKEN = frozenset({500, 503})  # as well, unless the gateway is known to be otherwise
_CONFLICT = 409  # the same key is being worked on, or was used: nobody knows
# So a key may be answered that was used before, for other content or by a request under way.
# Source: draft-ietf-httpapi-idempotency-key-header-07 §2.7.
OF_A_USED_KEY = frozenset({409, 422})


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
        failure = answer.failure or "malformed"
        finding = Finding.SILENT if answer.was_sent else _unsent(failure)
        return verdict_of(finding, failure, status, answer=legible(answer.body))
    if status in TAKEN:
        return _judge_taken(answer, status)
    return judge_status(answer, status, not_taken)


def judge_status(answer: Answer, status: int, not_taken: Collection[int]) -> Verdict:
    """Return what a whole answer means by its status code alone; a success is not enough."""
    finding, reason = _judge_status(status, not_taken)
    return verdict_of(
        finding,
        reason,
        status,
        answer=legible(answer.body),
        is_conflict=status in OF_A_USED_KEY,
        retry_after_s=retry_after_s(answer.retry_after, time()) if status in _WAITS else None,
    )


def _unsent(failure: str) -> Finding:
    return Finding.MISPLACED if failure in MISPLACED else Finding.UNREACHABLE


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
    return verdict_of(Finding.GARBLED, "contract_violation", status, answer=text)


def _judge_status(status: int, not_taken: Collection[int]) -> tuple[Finding, str]:
    reason = f"status_{status}"
    match status // 100:
        case 2:
            found = Finding.GARBLED, "contract_violation"
        case 3:
            found = Finding.DENIED, "redirect"
        case _ if status in _UNAUTHORIZED:
            found = Finding.DENIED, "unauthorized"
        case _ if status in _BUSY:
            found = Finding.BUSY, reason
        case _ if status in not_taken:
            found = Finding.UNABLE, reason
        case 4 if status != _CONFLICT:
            found = Finding.REFUSED, reason
        case _:
            found = Finding.CONFLICT if status == _CONFLICT else Finding.FAILED, reason
    return found


def is_plain(answer: Answer) -> bool:
    """Return whether an answer's body is as it was written, not compressed."""
    return answer.content_encoding.strip().lower() in {"", "identity"}


def _is_json(answer: Answer) -> bool:
    return is_plain(answer) and (
        answer.content_type == "application/json"
        or answer.content_type.partition(";")[0].strip().lower() == "application/json"
    )
