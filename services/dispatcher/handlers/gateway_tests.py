"""Tests of gateways: one message through a gateway, at once, for whoever has described it.

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
class Tested:
    """What a gateway answered, and how long that took."""

    verdict: Verdict
    duration_s: float


async def send_one(
    sender: Sender | None,
    *,
    phone: str | None,
    email: str | None,
    subject: str | None,
    text: str,
    timeout_s: float,
) -> Tested:
    """Hand one message over, paused or not.

    It is under way as others are, and uses one of the gateway's rate if there is one.

    Raises:
        GatewayNotUsable: This process cannot use the gateway.
        Overloaded: All its connections are in use.
    """
    if sender is None:
        raise GatewayNotUsable
    await sender.flow.use_one(sender.lease.business_time)
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

    def done(verdict: Verdict) -> None:
        sender.count_test(-1)
        if not answered.done():  # else the caller has hung up
            answered.set_result(verdict)

    began = loop.time()
    sender.count_test(+1)
    sender.gateway.send(message, began + timeout_s, done)
    return Tested(await answered, loop.time() - began)


class GatewayNotUsable(Conflict):
    """This dispatcher cannot use the gateway; its `problem` says why."""
