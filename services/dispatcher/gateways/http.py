"""The HTTP gateway: one POST per message, and what its answer means.

The contract: `{"id", "phone", "text"[, "subject"]}` goes out, the message's id as Idempotency-Key
as well; 200, 201 or 202 with `{"id": "<the gateway's own>", "status": "accepted"}` means accepted.
"""

import asyncio
import re
import ssl
from typing import Annotated, Literal

import msgspec

from services.dispatcher.domain import Letter, Outcome, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.gateways.http_client import Answer, HttpClient

_ANSWER_LENGTH = 500  # characters kept of an answer
_LONGEST_CHARACTER = 4  # bytes in UTF-8
_MESSAGE_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(rb"(?:[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?")
_TOKEN = re.compile(r"[!-~]+")

# Control characters, C1 among them: PostgreSQL refuses NUL, people's terminals obey the others.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\N{REPLACEMENT CHARACTER}")
_LEGIBLE = _CONTROLS | dict.fromkeys(map(ord, "\t\n\r"), " ")

# Source: the error table of RFC 9110 §15, read for a request that must not happen twice.
_TAKEN = frozenset({200, 201, 202})
_UNAUTHORIZED = frozenset({401, 403})  # the gateway's fault or ours: no message is burnt for it
_NOT_PROCESSED = frozenset({408, 425, 429, 500, 503})
_CONFLICT = 409  # the same key is being worked on, or was used: nobody knows


class _Message(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    phone: str
    text: str
    subject: str | None = None


class _Accepted(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    status: Literal["accepted"]


_ACCEPTED = msgspec.json.Decoder(_Accepted)
_NO_PHONE = Verdict(Outcome.REFUSED, "no_phone")


class HttpGateway:
    """Hands messages over by HTTP. Never raises for what the gateway does, and never resends."""

    name = "http"

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        is_idempotent: bool = False,
        connections: int = 64,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            message = "a gateway's token has visible ASCII characters only"
            raise ValueError(message)
        self.is_idempotent = is_idempotent
        self._client = HttpClient(url, connections=connections, tls=tls)
        self._loop = asyncio.get_running_loop()
        self._encode = msgspec.json.Encoder().encode
        endpoint = self._client.endpoint
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._prefix = (
            f"POST {endpoint.target} HTTP/1.1\r\nHost: {endpoint.authority}\r\n{authorization}"
            'Accept: application/json\r\nContent-Type: application/json\r\nIdempotency-Key: "'
        ).encode("ascii")
        self._traceparent = b""  # the one checked last: a whole run has the same

    @property
    def free(self) -> int:
        """How many messages can be started now."""
        return self._client.free

    def send(self, letter: Letter, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Raises:
            ValueError: the message's id or traceparent could not stand in a header.
        """
        if letter.phone is None:
            self._loop.call_soon(done, _NO_PHONE)
            return
        request = self._request(letter, letter.phone)
        self._client.start(request, deadline, lambda answer: done(judge(answer)))

    async def close(self) -> None:
        """Cut off what is under way and close all connections."""
        await self._client.close()

    def _request(self, letter: Letter, phone: str) -> bytes:
        message_id, traceparent = letter.message_id, letter.traceparent
        if not _MESSAGE_ID.fullmatch(message_id):
            message = "a message's id has base64url characters only"
            raise ValueError(message)
        if traceparent != self._traceparent:
            if not _TRACEPARENT.fullmatch(traceparent):
                message = "a traceparent is what W3C Trace Context says"
                raise ValueError(message)
            self._traceparent = traceparent
        body = self._encode(_Message(message_id.decode(), phone, letter.text, letter.subject))
        trace = b"traceparent: %b\r\n" % traceparent if traceparent else b""
        return b'%b%b"\r\n%bContent-Length: %d\r\n\r\n%b' % (
            self._prefix,
            message_id,
            trace,
            len(body),
            body,
        )


def judge(answer: Answer) -> Verdict:
    """Say what an answer means for the message. Never raises."""
    status = answer.status
    if answer.failure is not None or status is None:
        outcome = Outcome.UNKNOWN if answer.was_sent else Outcome.NOT_PROCESSED
        return Verdict(outcome, answer.failure or "malformed", status, None, _legible(answer.body))
    if status in _TAKEN:
        return _judge_taken(answer, status)
    outcome, reason = _judge_status(status)
    return Verdict(outcome, reason, status, None, _legible(answer.body))


def _judge_taken(answer: Answer, status: int) -> Verdict:
    text = _legible(answer.body)
    if _is_json(answer):
        try:
            accepted = _ACCEPTED.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if accepted.id.isprintable():
                return Verdict(Outcome.ACCEPTED, "accepted", status, accepted.id, text)
    return Verdict(Outcome.UNKNOWN, "contract_violation", status, None, text)


def _judge_status(status: int) -> tuple[Outcome, str]:
    reason = f"status_{status}"
    match status // 100:
        case 2:
            verdict = Outcome.UNKNOWN, "contract_violation"
        case 3:
            verdict = Outcome.NOT_PROCESSED, "redirect"
        case _ if status in _UNAUTHORIZED:
            verdict = Outcome.NOT_PROCESSED, "unauthorized"
        case _ if status in _NOT_PROCESSED:
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


def _legible(body: bytes) -> str:
    """Return the first characters as one line of text that PostgreSQL takes."""
    text = body[: _ANSWER_LENGTH * _LONGEST_CHARACTER].decode("utf-8", "replace")[:_ANSWER_LENGTH]
    return text if text.isprintable() else text.translate(_LEGIBLE)
