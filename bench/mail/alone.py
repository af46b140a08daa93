"""The SMTP gateway alone: how fast it sends without the platform around it."""

import asyncio
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from types import SimpleNamespace

from bench.ceiling import ceiling
from bench.mail.ceiling import MailPoster
from bench.mail.content import BODY, SUBJECT
from cli import Failure
from deploy.local.ports import HOST
from services.dispatcher.domain.outcome import Outcome, OutgoingMessage, Verdict
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Tls
from services.dispatcher.gateways.smtp.gateway import SmtpGateway
from shared.loop import collect_garbage_rarely
from shared.template import as_line, compile_template

TIMEOUT_S = 30.0
MAILS, ROUNDS = 40_000, 3


@dataclass(frozen=True)
class Alone:
    """How fast our gateway sends mails, and what one costs this process, beside a bare client."""

    mails: int
    rate_per_s: float
    cpu_us_per_mail: float
    ceiling_cpu_us: float


class _Sending:
    """Keeps all connections of a gateway busy until nothing is left."""

    def __init__(self, gateway: SmtpGateway, mails: int) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self._gateway = gateway
        self._left, self._open = mails, mails
        self._body, self._subject = (compile_template(each, "") for each in (BODY, SUBJECT))
        self.done: asyncio.Future[None] = loop.create_future()

    def fill(self) -> None:
        """Start what can be started."""
        for _ in range(min(self._gateway.free, self._left)):
            number = self._left
            self._left -= 1
            client = SimpleNamespace(full_name=f"Anna Petrova {number}")
            message = OutgoingMessage(
                message_id=b"alone%038d" % number,
                phone=None,
                email=f"client{number}@mail.example",
                subject=as_line(self._subject.render(client)),
                text=self._body.render(client),
                traceparent=b"",
                full_name=client.full_name,
            )
            self._gateway.send(message, self._now() + TIMEOUT_S, self._answered)

    def _answered(self, verdict: Verdict) -> None:
        self._open -= 1
        if self.done.done():
            return
        if verdict.outcome is not Outcome.ACCEPTED:
            self.done.set_exception(Failure(f"A mail was not accepted: {verdict.reason}"))
        elif self._open:
            self.fill()
        else:
            self.done.set_result(None)


async def gateway_alone(port: int, mails: int, connections: int) -> float:
    """Send mails through our gateway to the sink on `port`; return mails per second.

    Raises:
        Failure: One was not accepted.
    """
    endpoint = Endpoint(HOST, port, Tls.NONE)
    gateway = SmtpGateway(
        endpoint, sender="news@shop.example", sender_name="Shop", connections=connections
    )
    try:
        await _send(gateway, connections)  # connects
        begun = perf_counter()
        await _send(gateway, mails)
        return mails / (perf_counter() - begun)
    finally:
        await gateway.close()


async def measure_alone(port: int, connections: int) -> Alone:
    """Measure the gateway, by turns with a bare client at the same sink.

    Raises:
        Failure: A mail was not accepted.
    """
    collect_garbage_rarely()  # as the dispatcher does
    rates, spent, ceilings = [], [], []
    for _ in range(ROUNDS):
        before = process_time()
        rates.append(await gateway_alone(port, MAILS, connections))
        between = process_time()
        await ceiling(port, MAILS, connections, MailPoster)
        spent.append((between - before) * 1e6 / MAILS)
        ceilings.append((process_time() - between) * 1e6 / MAILS)
    return Alone(
        mails=MAILS * ROUNDS,
        rate_per_s=round(median(rates), 1),
        cpu_us_per_mail=round(median(spent), 1),
        ceiling_cpu_us=round(median(ceilings), 1),
    )


async def _send(gateway: SmtpGateway, mails: int) -> None:
    sending = _Sending(gateway, mails)
    sending.fill()
    await sending.done
