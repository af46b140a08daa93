"""The SMTP gateway: hands messages over as mails, one each."""

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from datetime import timedelta

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways import Done
from services.dispatcher.gateways.smtp.address import AddressInvalid
from services.dispatcher.gateways.smtp.answer import Answer, Stage
from services.dispatcher.gateways.smtp.client import SmtpClient
from services.dispatcher.gateways.smtp.contract import judge, speaks_of_policy
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login
from services.dispatcher.gateways.smtp.mail import Composer
from services.dispatcher.gateways.smtp.refusals import Policy
from services.dispatcher.gateways.smtp.senders import SenderNotAllowed

_MESSAGE_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")

_OF_RECIPIENT = (Stage.RECIPIENT, Stage.CONTENT)
_NO_EMAIL = Verdict(Outcome.REFUSED, "no_email", is_of_message=True)
_NO_ADDRESS = Verdict(Outcome.REFUSED, "email_invalid", is_of_message=True)
_NO_SENDER = Verdict(Outcome.REFUSED, "sender_not_allowed", is_of_message=True)


class SmtpGateway:
    """Hands messages over by SMTP. Never raises for what the server does, and never resends."""

    channel = Channel(contact="email")
    is_idempotent = False  # a mail that comes twice is delivered twice
    looks_up = looks_up_by_own_id = False  # no server says what became of a mail

    def __init__(  # noqa: PLR0913 - what a gateway can do is its own to say
        self,
        endpoint: Endpoint,
        *,
        name: str = "smtp",
        sender: str,
        sender_name: str | None = None,
        allowed_senders: frozenset[str] = frozenset(),
        reply_to: tuple[str, str] | None = None,
        login: Login | None = None,
        resends_unknown: bool = True,
        connections: int = 16,
        most_mails: int = 500,
        most_age_s: float = 300,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
        allows_private: bool = True,
    ) -> None:
        """`allowed_senders`: whom else mails may be from, addresses or domains (`@shop.example`).

        `most_mails`, `most_age_s`: how long a connection is used. `reply_to`: name and address.
        `now`: seconds since the epoch, for the mails' dates. `allows_private`: whether the server
        may be in a private network.

        Raises:
            ValueError: No mail can come from `sender`, or the password would go out in the clear.
        """
        self.name = name
        self.resends_unknown = resends_unknown
        self._composer = Composer(sender, sender_name, now, allowed_senders, reply_to)
        self._client = SmtpClient(
            endpoint,
            login=login,
            connections=connections,
            most_mails=most_mails,
            most_age=timedelta(seconds=most_age_s),
            tls=tls,
            allows_private=allows_private,
        )
        self._policy = Policy()
        self._loop = asyncio.get_running_loop()

    @property
    def free(self) -> int:
        """How many messages can be started now."""
        return self._client.free

    def send(self, message: OutgoingMessage, deadline: float, done: Done) -> None:
        """Start an attempt that ends, by `deadline` of the loop's clock, in one call of `done`.

        Raises:
            ValueError: The message's id could not stand in a header.
        """
        if not _MESSAGE_ID.fullmatch(message.message_id):
            raise ValueError("a message's id has base64url characters only")
        if message.email is None:
            self._loop.call_soon(done, _NO_EMAIL)
            return
        try:
            mail = self._composer.compose(message, message.email)
        except AddressInvalid:
            self._loop.call_soon(done, _NO_ADDRESS)
            return
        except SenderNotAllowed:
            self._loop.call_soon(done, _NO_SENDER)
            return
        recipient = mail.recipient
        self._client.start(mail, deadline, lambda answer: done(self._judge(answer, recipient)))

    def _judge(self, answer: Answer, recipient: bytes) -> Verdict:
        if speaks_of_policy(answer):
            domain = recipient.rpartition(b"@")[2].lower()
            is_against_us = self._policy.is_against_us(domain)
            return judge(answer, is_policy_against_us=is_against_us)
        if answer.reply is not None and answer.stage in _OF_RECIPIENT:
            self._policy.end()
        return judge(answer)

    async def close(self) -> None:
        """Cut off what is under way and close all connections."""
        await self._client.close()
