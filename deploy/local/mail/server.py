"""The sandbox mail server: decides on mails, and answers those who look at them over HTTP."""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

from deploy.local.gateway.answers import Reply
from deploy.local.gateway.control import Control, Request, document
from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection as HttpConnection
from deploy.local.mail.faults import Decision, Misbehavior
from deploy.local.mail.login import Account
from deploy.local.mail.mailbox import KEPT, Mailbox, key_of

if TYPE_CHECKING:
    from deploy.local.mail.connection import MailConnection

_TAKEN = frozenset({Decision.ACCEPTED, Decision.CUT})
_PERHAPS = frozenset({Decision.HUNG, Decision.DROPPED})
_ANSWERS = {
    Decision.FAILED: b"451 4.3.0 Told to fail\r\n",
    Decision.REFUSED: b"550 5.1.1 Told to refuse\r\n",
    Decision.THROTTLED: b"421 4.3.2 Told to close\r\n",
    Decision.GREYLISTED: b"450 4.7.1 Greylisted, come again later\r\n",
    Decision.HUNG: None,
    Decision.DROPPED: b"",
}
_CLOSING = frozenset({Decision.THROTTLED, Decision.DROPPED, Decision.CUT})


class Answer(msgspec.Struct, frozen=True):
    """What a mail's connection writes; None: nothing, ever."""

    raw: bytes | None
    closes: bool = False

    @staticmethod
    def of(decision: Decision, number: int = 0) -> "Answer":
        """Return the answer to a mail that was decided on."""
        taken = b"250 2.0.0 Ok: queued as sm-%012d\r\n" % number
        return Answer(_ANSWERS.get(decision, taken), decision in _CLOSING)


class _Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=KEPT)] = 10


class Sandbox:
    """Decides on mails, and lets answers go out when the ledger holds their lines."""

    def __init__(
        self,
        ledger: Ledger,
        misbehavior: Misbehavior,
        tls: ssl.SSLContext,
        account: Account,
        failed: Callable[[OSError], None],
    ) -> None:
        self._ledger = ledger
        self.misbehavior = misbehavior
        self.tls, self.account = tls, account
        tls.sni_callback = self._handshake
        self._control = Control(ledger, misbehavior)
        self._failed = failed  # told when the ledger can't be written: nothing may be said then
        self._mailbox = Mailbox()
        self._first_tried: dict[int, float] = {}  # by sender and recipient, as a hash of both
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[MailConnection, Answer, float]] = []
        self._is_flushing = False
        self.connections: set[HttpConnection] = set()
        self.mail_connections: set[MailConnection] = set()

    def decide(self, sender: bytes, recipient: bytes) -> Decision:
        """Decide on a mail, by what is known before its content."""
        wait_s = self.misbehavior.faults.greylist_s
        if wait_s:
            now = time.monotonic()
            first = self._first_tried.setdefault(hash((sender, recipient)), now)
            if now < first + wait_s:
                return Decision.GREYLISTED
        return self.misbehavior.decide()

    def refuse(self, decision: Decision) -> None:
        """Note a mail that was not taken, whose content never came: so it has no key."""
        self._ledger.record(b"", decision, is_accepted=False)
        self._flush_soon()

    def take(self, connection: "MailConnection", raw: bytes, decision: Decision) -> None:
        """Take a mail or not, and see to it that it is answered."""
        is_taken = decision in _TAKEN or (
            decision in _PERHAPS and self.misbehavior.is_taken_anyway()
        )
        number = self._ledger.record(key_of(raw), decision, is_accepted=is_taken)
        if is_taken:
            self._mailbox.add(raw)
        self._flush_soon()
        answer = Answer.of(decision, number)
        self._due.append((connection, answer, self.misbehavior.latency_s()))

    def flush(self) -> None:
        """Write the ledger, then answer all mails of this turn of the loop."""
        due, self._due = self._due, []
        self._is_flushing = False
        try:
            self._ledger.flush()
        except OSError as error:
            self._failed(error)
            return
        for connection, answer, latency_s in due:
            self._loop.call_later(latency_s, connection.answer, answer)

    def _handshake(self, *_: object) -> int | None:
        """Let a handshake go on, or fail with an alert."""
        is_broken = self.misbehavior.breaks_tls()
        return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE if is_broken else None

    def _flush_soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self.flush)

    def abort(self) -> None:
        """Let go of all connections at once."""
        for each in list(self.connections):
            each.abort()
        for one in list(self.mail_connections):
            one.abort()

    def handle(self, connection: HttpConnection, request: Request) -> None:
        """Answer who looks."""
        connection.answer(self._control.reply(request, self._last_mails))

    def _last_mails(self, request: Request) -> Reply | None:
        if (request.method, request.path) != (b"GET", b"/mails"):
            return None
        return document({"items": self._mailbox.last(request.parameters(_Last).limit)})
