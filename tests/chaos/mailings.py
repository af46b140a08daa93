"""The mailings that are sent while processes die, and what is expected of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from deploy.local.stack import ALL as PARTS
from shared.testing import eventually
from tests.chaos import books
from tests.chaos.crash_points import Case
from tests.chaos.evidence import Evidence, Mailing
from tests.chaos.rig import Json, Layout, Rig

LAYOUT = Layout(parts=PARTS, latency_ms="150-300", timeout_s=1.0, has_links=False)
FEW, MORE = "few", "more"  # tags of clients
OWN = 79_100_000_000  # the first phone of others
WITHIN_S = 90.0
UNFINISHED = """
    SELECT count(*) FROM unnest($1::uuid[]) AS wanted (mailing_id)
    LEFT JOIN runs USING (mailing_id) WHERE coalesce(state, '') NOT IN ('finished', 'archived')
"""
RUN_OF = "SELECT run_id FROM runs WHERE mailing_id = $1"


class Mailings:
    """Creates mailings on a rig, and waits for their end."""

    def __init__(self, rig: Rig, clients: Mapping[str, int]) -> None:
        self.rig = rig
        self._clients = dict(clients)
        self._before = books.NOTHING  # runs that were archived since
        self.expected: dict[UUID, Mailing] = {}

    async def evidence(self) -> Evidence:
        """Return what is on record of all mailings."""
        return await books.evidence(self.rig, self.expected, seed=0, before=self._before)

    async def keep(self) -> None:
        """Keep what is on record now, for it is to be archived."""
        self._before = (await books.tables(self.rig)).after(self._before)

    def requests(self, gateway: str, message_id: str) -> int:
        """Return how many requests a gateway has had for a message."""
        found = books.gateways(self.rig)[gateway].requests
        return sum(each.key == message_id for each in found)

    async def register(self, count: int = 3) -> tuple[str, Json]:
        """Import clients for one visit alone; return their tag, and the import."""
        tag = f"own{len(self._clients)}"
        found = await self.rig.import_clients(tag, count, OWN + 1_000 * len(self._clients))
        self._clients[tag] = count
        return tag, found

    async def statuses(self, mailing_id: UUID) -> dict[str, int]:
        """Return how many messages of a mailing's run are in which state."""
        run_id = await self.run_of(mailing_id)
        messages = (await books.tables(self.rig)).messages
        return dict(Counter(each.status for each in messages if each.run_id == run_id))

    async def run_of(self, mailing_id: UUID) -> UUID:
        """Return the run of a mailing."""
        [row] = await self.rig.rows("dispatcher", RUN_OF, mailing_id)
        return UUID(int=row["run_id"].int)

    async def run_until_end(self, case: Case, tag: str, **fields: Any) -> UUID:
        """Create a mailing, and wait for its end."""
        [mailing_id] = await self.create(case, tag, **fields)
        await self.finished([mailing_id])
        return mailing_id

    async def create(
        self, case: Case, tag: str, *, in_s: float = 0.0, for_s: float = 600.0, **fields: str
    ) -> list[UUID]:
        """Create a mailing through each gateway; the catalog may die meanwhile."""
        created = []
        for gateway in case.gateways:
            starts_at = datetime.now(UTC) + timedelta(seconds=in_s)
            ends_at = starts_at + timedelta(seconds=for_s)
            body: dict[str, Any] = {
                "name": f"{case.point} through {gateway}",
                "body": "Hello {{ full_name }}",
                "filter": {"operator_codes": [], "tags": [tag]},
                "starts_at": starts_at.isoformat(),
                "ends_at": ends_at.isoformat(),
                "gateway": gateway,
                **fields,
            }
            if "audience" in fields:  # which has the filter
                del body["filter"]
            if gateway == "smtp":
                body["subject"] = "News"
            headers = {"Idempotency-Key": str(uuid4())}
            made = await self.rig.ask(
                "catalog", "POST", "/v1/mailings", json=body, headers=headers
            )
            created.append(UUID(made["mailing_id"]))
            self.expected[created[-1]] = Mailing(
                self._clients[tag], round(ends_at.timestamp() * 1_000)
            )
        return created

    async def is_sending(self) -> bool:
        """Return whether requests are under way."""
        return await self.rig.in_flight() > 0

    async def finished(self, mailings: Sequence[UUID]) -> None:
        """Wait until all runs of mailings have ended."""

        async def are_finished() -> bool:
            rows = await self.rig.rows("dispatcher", UNFINISHED, mailings)
            return bool(rows) and rows[0][0] == 0

        await eventually(are_finished, within=WITHIN_S, every=0.1)
