"""Rules: what answers of a described HTTP API mean for the message. Pure.

They are asked in this order: the gateway's fault, throttled, refused, not processed, pending,
accepted. An answer of which none speaks means what its status code says by our own contract; a
success that is not recognized as one is unknown.
"""

from collections.abc import Callable, Collection, Mapping
from time import time
from typing import Any

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Finding, Outcome, Verdict, verdict_of
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.contract import TAKEN, is_plain, judge, judge_status
from services.dispatcher.gateways.http.description import (
    AnswerRules,
    JsonType,
    LookUp,
    Match,
    Scalar,
)
from services.dispatcher.gateways.http.pointer import MISSING, at, parse_pointer
from services.dispatcher.gateways.http.retry_after import retry_after_s

# In the order in which they are asked.
FAILURES = {
    "gateway_fault": Finding.DENIED,
    "throttled": Finding.BUSY,
    "refused": Finding.REFUSED,
    "not_processed": Finding.UNABLE,
    "pending": Finding.PENDING,
}
_LONGEST_ID = 200
_BIGGEST_ID = 10**38  # digits beyond are no identifier

_TYPES: Mapping[JsonType, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in {int, float},
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


class RulesJudge:
    """Judges answers by rules. Never raises."""

    def __init__(
        self, rules: AnswerRules, not_taken: Collection[int], contact: str = "phone"
    ) -> None:
        """`contact`: what the gateway needs of a client, which is what bounces."""
        self._contact = contact
        self._failures = [
            _Matcher(each, kind) for kind in FAILURES for each in getattr(rules, kind)
        ]
        self._accepted = _Matcher(rules.accepted, "accepted", TAKEN)
        self._id = None if rules.id is None else parse_pointer(rules.id)
        matchers = [self._accepted, *self._failures]
        self._reads_body = self._id is not None or any(each.reads_body for each in matchers)
        self._not_taken = not_taken

    def judge(self, answer: Answer) -> Verdict:
        """Return what an answer means for the message."""
        status = answer.status
        if answer.failure is not None or status is None:
            return judge(answer)
        document = _document(answer) if self._reads_body else MISSING
        otherwise = judge_status(answer, status, self._not_taken)
        own_id = None if self._id is None else identifier(at(document, self._id))
        for matcher in self._failures:
            if matcher.holds(answer, document):
                failed = _with_own_id(_failed(answer, matcher, otherwise), own_id)
                return replace(failed, bounced=self._contact) if matcher.is_bounce else failed
        if not self._accepted.holds(answer, document):
            return _with_own_id(otherwise, own_id)
        if self._id is not None and own_id is None:
            return verdict_of(
                Finding.GARBLED, "contract_violation", status, answer=otherwise.answer
            )
        return Verdict(Outcome.ACCEPTED, "accepted", status, own_id, otherwise.answer)


class LookUpJudge:
    """Judges what an API says of a message that may have arrived. Never raises."""

    def __init__(self, look_up: LookUp) -> None:
        self._not_found = [_Matcher(each, "not_found") for each in look_up.not_found]
        self._refused = [_Matcher(each, "refused") for each in look_up.refused]
        self._pending = [_Matcher(each, "pending") for each in look_up.pending]
        self._found = _Matcher(look_up.found, "found", TAKEN)
        self._id = None if look_up.id is None else parse_pointer(look_up.id)

    def judge(self, answer: Answer) -> Verdict | None:
        """Return what is known of the message; None if it has not arrived, so it may be sent."""
        status = answer.status
        if answer.failure is not None or status is None:
            return _unasked(judge(answer))
        document = _document(answer)
        if any(each.holds(answer, document) for each in self._not_found):
            return None
        otherwise = judge_status(answer, status, ())
        for each in self._refused:
            if each.holds(answer, document):
                reason, text = each.reason or "refused_by_lookup", otherwise.answer
                refused = verdict_of(Finding.REFUSED, reason, status, answer=text)
                return replace(refused, is_of_all=True)
        if any(each.holds(answer, document) for each in self._pending):
            pending = verdict_of(Finding.PENDING, "pending", status, answer=otherwise.answer)
            return replace(_unasked(pending), is_of_message=True)
        if not self._found.holds(answer, document):
            return _unasked(otherwise)
        own_id = None if self._id is None else identifier(at(document, self._id))
        return Verdict(Outcome.ACCEPTED, "found_by_lookup", status, own_id, otherwise.answer)


class _Matcher:
    """A kind of answer, taken apart once."""

    def __init__(self, match: Match, kind: str, statuses: Collection[int] = ()) -> None:
        """`statuses`: those of a kind that names none."""
        self.kind = kind
        self.finding = FAILURES.get(kind, Finding.TAKEN)
        self._statuses = match.status or frozenset(statuses)
        self._pointer = None if match.pointer is None else parse_pointer(match.pointer)
        self._absent = None if match.absent is None else parse_pointer(match.absent)
        self._values = match.values
        self._is_type = None if match.type is None else _TYPES[match.type]
        self._prefix = None if match.starts_with is None else match.starts_with.encode()
        self.reason, self.is_bounce = match.reason, match.bounced
        self.reads_body = self._pointer is not None

    def holds(self, answer: Answer, document: Any) -> bool:  # noqa: ANN401 - any JSON
        """Return whether an answer, whose body is `document`, is of this kind."""
        if self._statuses and answer.status not in self._statuses:
            return False
        if self._prefix is not None and not (
            is_plain(answer) and answer.body.startswith(self._prefix)
        ):
            return False
        if self._absent is not None and at(document, self._absent) is not MISSING:
            return False
        return self._pointer is None or self._has(at(document, self._pointer))

    def _has(self, value: Any) -> bool:  # noqa: ANN401 - any JSON
        if value is MISSING or (self._is_type is not None and not self._is_type(value)):
            return False
        return not self._values or any(_is_same(value, each) for each in self._values)


def identifier(value: Any) -> str | None:  # noqa: ANN401 - any JSON
    """Return a provider's id as text; None if it is none."""
    if type(value) is int and abs(value) < _BIGGEST_ID:
        return str(value)
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable():
        return value
    return None


def _with_own_id(verdict: Verdict, own_id: str | None) -> Verdict:
    """Return a verdict with the provider's own id, if it may be asked for the message."""
    if own_id is None or verdict.outcome is not Outcome.UNKNOWN:
        return verdict
    return replace(verdict, gateway_message_id=own_id)


def _failed(answer: Answer, matcher: "_Matcher", otherwise: Verdict) -> Verdict:
    """Return what an answer means that a rule knows; its code may say why."""
    is_denied = matcher.finding is Finding.DENIED and otherwise.fault
    is_refused = matcher.finding is Finding.REFUSED and otherwise.outcome is Outcome.REFUSED
    status = answer.status
    return verdict_of(
        matcher.finding,
        matcher.reason or (otherwise.reason if is_denied or is_refused else matcher.kind),
        status,
        answer=otherwise.answer,
        is_conflict=otherwise.is_conflict,
        retry_after_s=retry_after_s(answer.retry_after, time()),
    )


def _unasked(verdict: Verdict) -> Verdict:
    """Return what it means that a look-up told nothing: the message was not sent."""
    return replace(
        verdict,
        outcome=Outcome.NOT_PROCESSED,
        reason=f"lookup_{verdict.reason}",
        is_conflict=False,
        is_of_message=False,
    )


def _document(answer: Answer) -> Any:  # noqa: ANN401 - any JSON
    """Return an answer's body; `MISSING` if it is no JSON."""
    if not is_plain(answer):
        return MISSING
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return MISSING


def _is_same(value: Any, expected: Scalar) -> bool:  # noqa: ANN401 - any JSON
    """Return whether two values of JSON are the same: 1 is 1.0, but neither true nor "1"."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return bool(value == expected)
