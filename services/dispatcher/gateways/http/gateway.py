"""The HTTP gateway: hands messages over, by one request each."""

import asyncio
import ssl
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.gateways.http.answer import Answer
from services.dispatcher.gateways.http.client import HttpClient
from services.dispatcher.gateways.http.composer import Composer, ContractComposer
from services.dispatcher.gateways.http.contract import NOT_TAKEN, judge
from services.dispatcher.gateways.http.endpoint import check_token
from services.dispatcher.gateways.pool import CUT_EARLY_S

V = TypeVar("V", Verdict, Verdict | None)

_SOON_S = 0.005
_CUT_OFF = Verdict(Outcome.NOT_PROCESSED, "cut_off")

Judge: TypeAlias = Callable[[Answer], Verdict]
Compose: TypeAlias = Callable[[OutgoingMessage], bytes]

_NO_PHONE = Verdict(Outcome.REFUSED, "no_phone", is_of_message=True)
_NO_EMAIL = Verdict(Outcome.REFUSED, "no_email", is_of_message=True)
_NO_SENDER = Verdict(Outcome.REFUSED, "sender_not_allowed", is_of_message=True)


# Of its own id nothing is known beyond one attempt: another one may have arrived besides.
_NOT_THAT_ONE = Verdict(Outcome.NOT_PROCESSED, "lookup_not_found", is_of_message=True)


class LookUp(NamedTuple):
    """How the gateway is asked for a message: by our id, by its own, or both."""

    compose: Compose | None
    compose_by_own_id: Compose | None
    judge: Callable[[Answer], Verdict | None]  # None: it is not there

    def request(self, message: OutgoingMessage) -> tuple[bytes | None, bool]:
        """Return what asks for a message, if anything can, and whether it speaks of all attempts.

        By our id it does, by the gateway's own if there was but one that may have arrived.
        """
        if self.compose_by_own_id is not None and message.gateway_message_id is not None:
            return self.compose_by_own_id(message), message.unknowns <= 1
        return (None, True) if self.compose is None else (self.compose(message), True)


class HttpGateway:
    """Hands messages over by HTTP. Never raises for what the gateway does, and never resends."""

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
        composer: Composer | None = None,
        judge_answer: Judge | None = None,
        look_up: LookUp | None = None,
        channel: Channel = Channel(contact="phone"),  # noqa: B008 - it is frozen
        allowed_senders: Collection[str] = (),
        secrets: Collection[str] = (),
        allows_private: bool = True,
    ) -> None:
        """Without `composer` and `judge_answer` it speaks our own contract.

        `allowed_senders`: whom mailings may name, addresses or domains such as `@shop.example`.
        `secrets`: what is kept of no answer. `allows_private`: whether it may be in a private
        network.

        Raises:
            ValueError: The URL is none that requests can be sent to, or the token none.
        """
        if token is not None:
            check_token(token)
        self.name = name
        self.is_idempotent = is_idempotent
        self.resends_unknown = resends_unknown
        self.channel = channel
        self._client = HttpClient(
            url,
            connections=connections,
            connect_timeout=timedelta(seconds=connect_timeout_s),
            tls=tls,
            allows_private=allows_private,
        )
        self._allowed_senders = {_address(each) for each in allowed_senders}
        self._look_up = look_up
        self.looks_up = look_up is not None and look_up.compose is not None
        self.looks_up_by_own_id = look_up is not None and look_up.compose_by_own_id is not None
        self._waiting: set[_Waiting] = set()
        self._loop = asyncio.get_running_loop()
        authorization = f"Bearer {token}" if token else None
        endpoint = self._client.endpoint
        self._compose = (composer or ContractComposer(endpoint, authorization)).compose
        judged = judge_answer or partial(judge, not_taken=not_taken)
        self._secrets = tuple(each.encode() for each in (token, *secrets) if each)
        self._judge = partial(_without, self._secrets, judged) if self._secrets else judged

    @property
    def free(self) -> int:
        """How many messages can be started now."""
        return max(self._client.free - len(self._waiting), 0)

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Raises:
            ValueError: the message's id or traceparent could not stand in a header.
        """
        rejection = self._cannot_send(message)
        if rejection is not None:
            self._loop.call_soon(done, rejection)
            return
        request = self._compose(message)
        if self._look_up is None or not message.may_have_arrived:
            self._start(request, deadline, done)
            return
        asking, is_of_all = self._look_up.request(message)
        if asking is None:
            self._start(request, deadline, done)
        else:
            waiting = _Waiting(request, deadline, done, is_of_all)
            self._ask(asking, self._look_up.judge, waiting)

    async def close(self) -> None:
        """Cut off what is under way and close all connections."""
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            each.done(_CUT_OFF)
        await self._client.close()

    def _start(self, request: bytes, deadline: float, done: Done) -> None:
        judged = self._judge
        self._client.start(request, deadline, lambda answer: done(judged(answer)))

    def _ask(
        self, asking: bytes, judged: Callable[[Answer], Verdict | None], waiting: "_Waiting"
    ) -> None:
        """Ask for a message that may have arrived; send it if it has not.

        To ask may take half of the time: what is sent with none left would be unknown again.
        """
        now = self._loop.time()

        def answered(answer: Answer) -> None:
            verdict = _without(self._secrets, judged, answer)
            if not waiting.is_of_all:
                verdict = replace(verdict or _NOT_THAT_ONE, is_of_all=False)
            if verdict is not None:
                waiting.done(verdict)
                return
            self._waiting.add(waiting)  # its place is kept
            self._send_waiting(waiting)

        self._client.start(asking, now + (waiting.deadline - now) / 2, answered)

    def _send_waiting(self, waiting: "_Waiting") -> None:
        """Send as soon as a connection is free: the one that asked may be about to close."""
        if waiting not in self._waiting:
            return
        is_early = waiting.deadline > self._loop.time() + CUT_EARLY_S
        if is_early and self._client.free <= 0:
            self._loop.call_later(_SOON_S, self._send_waiting, waiting)
            return
        self._waiting.discard(waiting)
        self._start(waiting.request, waiting.deadline, waiting.done)

    def _cannot_send(self, message: OutgoingMessage) -> Verdict | None:
        if message.sender is not None and not self._allows(message.sender):
            return _NO_SENDER
        needed = self.channel.contact
        if needed == "phone":
            return _NO_PHONE if message.phone is None else None
        return _NO_EMAIL if needed == "email" and message.email is None else None

    def _allows(self, sender: str) -> bool:
        """Return whether mailings may name this sender: `NAME <ADDRESS>`, or an address."""
        address = _address(sender)
        return bool({address, "@" + address.rpartition("@")[2]} & self._allowed_senders)


def _address(sender: str) -> str:
    return sender.rpartition("<")[2].removesuffix(">").casefold()


class _Waiting(msgspec.Struct, eq=False):
    """A message that waits for its turn to be sent again."""

    request: bytes
    deadline: float
    done: Done
    is_of_all: bool  # what it is asked speaks of all attempts


def _without(secrets: Collection[bytes], judged: Callable[[Answer], V], answer: Answer) -> V:
    """Return a verdict that does not repeat a secret which an answer has repeated."""
    verdict = judged(answer)
    if verdict is None or not any(each in answer.body for each in secrets):
        return verdict
    return replace(verdict, answer="", gateway_message_id=None)
