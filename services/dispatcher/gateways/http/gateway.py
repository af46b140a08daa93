"""The HTTP gateway: hands messages over, one POST each."""

import asyncio
import re
import ssl
from datetime import timedelta

import msgspec

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.gateways.http.client import HttpClient
from services.dispatcher.gateways.http.contract import NOT_TAKEN, Message, judge
from services.dispatcher.gateways.http.endpoint import check_token

_MESSAGE_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(rb"(?:[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?")

_NO_PHONE = Verdict(Outcome.REFUSED, "no_phone", is_of_message=True)


class HttpGateway:
    """Hands messages over by HTTP. Never raises for what the gateway does, and never resends."""

    channel = Channel(contact="phone")

    def __init__(  # noqa: PLR0913 - what a gateway can do is its own to say
        self,
        url: str,
        *,
        name: str = "http",
        token: str | None = None,
        is_idempotent: bool = False,
        resends_unknown: bool = True,
        not_taken: frozenset[int] = NOT_TAKEN,
        connections: int = 64,
        connect_timeout_s: float = 2,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if token is not None:
            check_token(token)
        self.name = name
        self.is_idempotent = is_idempotent
        self.resends_unknown = resends_unknown
        self._not_taken = not_taken
        self._client = HttpClient(
            url,
            connections=connections,
            connect_timeout=timedelta(seconds=connect_timeout_s),
            tls=tls,
        )
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

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Raises:
            ValueError: the message's id or traceparent could not stand in a header.
        """
        if message.phone is None:
            self._loop.call_soon(done, _NO_PHONE)
            return
        request, not_taken = self._request(message, message.phone), self._not_taken
        self._client.start(request, deadline, lambda answer: done(judge(answer, not_taken)))

    async def close(self) -> None:
        """Cut off what is under way and close all connections."""
        await self._client.close()

    def _request(self, message: OutgoingMessage, phone: str) -> bytes:
        message_id, traceparent = message.message_id, message.traceparent
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError("a message's id has base64url characters only")
        if traceparent != self._traceparent:
            if not _TRACEPARENT.fullmatch(traceparent):
                raise ValueError("a traceparent is what W3C Trace Context says")
            self._traceparent = traceparent
        body = self._encode(Message(message_id.decode(), phone, message.text, message.subject))
        trace = b"traceparent: %b\r\n" % traceparent if traceparent else b""
        return b'%b%b"\r\n%bContent-Length: %d\r\n\r\n%b' % (
            self._prefix,
            message_id,
            trace,
            len(body),
            body,
        )
