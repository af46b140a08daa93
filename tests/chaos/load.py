"""The load: mailings through all gateways, without a pause, with windows of all kinds."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from tests.chaos.evidence import Mailing
from tests.chaos.rig import SANDBOXES, Rig

GROUPS = {"many": 2_000, "some": 800, "few": 20}
AT_ONCE = 6  # unfinished mailings of each gateway
EVERY_S = 0.5
FINISHED = "SELECT mailing_id FROM runs WHERE state = 'finished'"
# Of mailings whose window was over before they could begin: they never do.
MISSED = "SELECT data FROM events WHERE type LIKE 'MailingMissed.%'"


class _Missed(msgspec.Struct):
    mailing_id: UUID
    missed_at: datetime


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


class Load:
    """Creates mailings while it runs; knows how many clients each has."""

    def __init__(self, rig: Rig, seed: int, scale: float = 1.0) -> None:
        self._rig = rig
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.groups = {name: max(1, round(size * scale)) for name, size in GROUPS.items()}
        self.expected: dict[UUID, Mailing] = {}
        self.missed: dict[UUID, int] = {}
        self._gateway_of: dict[UUID, str] = {}
        self._finished: set[UUID] = set()
        self._is_over = False

    async def prepare(self) -> None:
        """Import the clients, and wait until the dispatcher has them all."""
        first = 79_000_000_000
        for tag, size in self.groups.items():
            await self._rig.import_clients(tag, size, first)
            first += size
        await self._rig.clients_are_known(sum(self.groups.values()))

    def end(self) -> None:
        """Let `run` return, once it knows of what it is creating."""
        self._is_over = True

    async def run(self) -> None:
        """Create mailings until the end; cancelled, it may not know of its last one."""
        while not self._is_over:
            await self._look()
            open_now = Counter(
                self._gateway_of[each] for each in self.expected.keys() - self._finished
            )
            for gateway in SANDBOXES:
                if open_now[gateway] < AT_ONCE:
                    await self._create(gateway)
            await asyncio.sleep(EVERY_S)

    async def finish(self, within_s: float) -> int:
        """Wait for the end of all runs; return how many have not ended."""
        for _ in range(round(within_s / EVERY_S)):
            await self._look()
            if self.expected.keys() <= self._finished:
                break
            await asyncio.sleep(EVERY_S)
        return len(self.expected.keys() - self._finished)

    async def _create(self, gateway: str) -> None:
        draw = self._random
        tag = draw.choices(list(self.groups), weights=(6, 3, 1))[0]
        now = datetime.now(UTC)
        begins = now + timedelta(seconds=draw.choice((0, 0, 0, draw.uniform(1, 8))))
        # A third of the windows is over before all is sent.
        window_s = draw.uniform(6, 15) if draw.random() < 1 / 3 else 600.0
        ends = begins + timedelta(seconds=window_s)
        body = {
            "name": f"{gateway} to {tag}",
            "subject": "News" if gateway == "smtp" else None,
            "body": "Hello {{ full_name }}",
            "filter": {"operator_codes": [], "tags": [tag]},
            "starts_at": begins.isoformat(),
            "ends_at": ends.isoformat(),
            "gateway": gateway,
        }
        body = {name: value for name, value in body.items() if value is not None}
        # Created twice it is one: the answer may be lost with the process.
        headers = {"Idempotency-Key": str(uuid4())}
        made = await self._rig.ask("catalog", "POST", "/v1/mailings", json=body, headers=headers)
        mailing_id = UUID(made["mailing_id"])
        self.expected[mailing_id] = Mailing(self.groups[tag], _ms(ends))
        self._gateway_of[mailing_id] = gateway

    async def _look(self) -> None:
        rows = await self._rig.rows("dispatcher", FINISHED)
        self._finished.update(row["mailing_id"] for row in rows)
        for row in await self._rig.rows("catalog", MISSED):
            missed = msgspec.json.decode(row["data"], type=_Missed)
            if missed.mailing_id in self.expected:
                self.missed[missed.mailing_id] = _ms(missed.missed_at)
        self._finished.update(self.missed)
