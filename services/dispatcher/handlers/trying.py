"""Trying: one message through a gateway, at once, for whoever has described it.

It is on nobody's record: what it led to is the answer. A mailing's messages go another way.
"""

import asyncio
from dataclasses import dataclass
from secrets import token_urlsafe

from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.handlers.sending import Sender
from shared.errors import Conflict, Overloaded

ID_BYTES = 32  # so the identifier has 43 characters, as those of messages have


@dataclass(frozen=True, slots=True)
class Tried:
    """What a gateway answered, and how long that took."""

    verdict: Verdict
    duration_s: float


async def try_gateway(
    sender: Sender | None,
    *,
    phone: str | None,
    email: str | None,
    subject: str | None,
    text: str,
    timeout_s: float,
) -> Tried:
    """Hand one message over, paused or not.

    Raises:
        GatewayNotUsable: This process cannot use the gateway.
        Overloaded: All its connections are in use.
    """
    if sender is None:
        raise GatewayNotUsable
    if sender.gateway.free <= 0:
        raise Overloaded
    message = OutgoingMessage(
        message_id=token_urlsafe(ID_BYTES).encode(),
        phone=phone,
        email=email,
        subject=subject,
        text=text,
        traceparent=b"",
    )
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Verdict] = loop.create_future()
    began = loop.time()
    sender.gateway.send(message, began + timeout_s, lambda verdict: _set(answered, verdict))
    return Tried(await answered, loop.time() - began)


def _set(answered: asyncio.Future[Verdict], verdict: Verdict) -> None:
    if not answered.done():  # else the caller has hung up
        answered.set_result(verdict)


class GatewayNotUsable(Conflict):
    """This dispatcher cannot use the gateway; its `problem` says why."""
