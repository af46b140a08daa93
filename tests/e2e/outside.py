"""The platform from outside: what a user does, and a checker that shares no code with it."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import uuid4

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from shared.testing import eventually

Json = dict[str, Any]
FromKafka: TypeAlias = ConsumerRecord[bytes, bytes]

SELDOM_S = 0.1  # between two questions: asked more often, they would take a third of a core
HEADER = "phone,tags,time_zone,email,full_name\n"

# Each message's state, told from the dispatcher's rows alone.
STATES = """
    WITH m AS (
        SELECT c.state AS chunk_state, u.client_id
        FROM chunks c CROSS JOIN unnest(c.client_ids) AS u (client_id) WHERE c.run_id = $1
    ), a AS (
        SELECT client_id, count(DISTINCT attempt) AS n, bool_or(outcome = 'accepted') AS ok
        FROM all_attempts WHERE run_id = $1 AND kind <> 'start' GROUP BY client_id
    )
    SELECT coalesce(e.state, CASE WHEN a.ok THEN 'delivered'
            WHEN m.chunk_state IN ('expired', 'cancelled') THEN m.chunk_state
            ELSE 'planned' END) AS state,
        count(*) AS messages, coalesce(sum(a.n), 0) AS attempts
    FROM m LEFT JOIN exceptions e ON e.run_id = $1 AND e.client_id = m.client_id
    LEFT JOIN a ON a.client_id = m.client_id GROUP BY 1
"""


@dataclass(frozen=True)
class Ledger:
    """What is on record of a run: messages by state, and attempts."""

    by_status: Mapping[str, int]
    attempts: int

    @property
    def planned(self) -> int:
        return sum(self.by_status.values())


class Platform:
    """The services at the addresses of `env`."""

    def __init__(self, env: Mapping[str, str], http: httpx.AsyncClient) -> None:
        self.env = env
        self.http = http

    async def _json(self, method: str, address: str, path: str, **request: Any) -> Json:
        answer = await self.http.request(method, self.env[address] + path, **request)
        assert answer.is_success, (answer.status_code, answer.text)
        return cast("Json", answer.json())

    async def get(self, address: str, path: str, **parameters: Any) -> Json:
        return await self._json("GET", address, path, params=parameters)

    async def import_clients(self, count: int, *, tag: str, first: int = 9_000_000_000) -> Json:
        rows = (
            f"7{first + n},{tag},Europe/Moscow,client{n}@example.com,Anna Petrova {n}\n"
            for n in range(count)
        )
        return await self.import_csv((HEADER + "".join(rows)).encode())

    async def import_csv(self, body: bytes) -> Json:
        headers = {"content-type": "text/csv"}
        return await self._json(
            "POST", "CATALOG_URL", "/v1/imports", content=body, headers=headers
        )

    async def create_mailing(self, *, tag: str, **plan: Any) -> Json:
        body = {
            "name": f"to {tag}",
            "body": "Hello {{ full_name }}",
            "filter": {"operator_codes": [], "tags": [tag]},
            "ends_at": in_seconds(3600),
            "gateway": "http",
            **plan,
        }
        return await self._json("POST", "CATALOG_URL", "/v1/mailings", json=body)

    async def command(self, mailing: Json, verb: str) -> Json:
        path = f"/v1/mailings/{mailing['mailing_id']}/{verb}"
        return await self._json("POST", "CATALOG_URL", path)

    async def move(self, run: Json, how: str) -> Json:
        """Move the switch of a run, not that of its mailing."""
        path = f"/v1/runs/{run['run_id']}/{how}"
        return await self._json("POST", "DISPATCHER_URL", path, json={"by": "a test"})

    async def resend(self, run: Json, statuses: list[str]) -> Json:
        path, body = f"/v1/runs/{run['run_id']}/resend", {"statuses": statuses}
        ends_at = {"ends_at": in_seconds(3600)}
        return await self._json("POST", "DISPATCHER_URL", path, json=body | ends_at)

    async def change(self, mailing: Json, **plan: Any) -> Json:
        path = f"/v1/mailings/{mailing['mailing_id']}"
        return await self._json("PATCH", "CATALOG_URL", path, json=plan)

    async def mailing(self, mailing: Json) -> Json:
        return await self.get("CATALOG_URL", f"/v1/mailings/{mailing['mailing_id']}")

    async def run(self, mailing: Json) -> Json | None:
        """Return the run of a mailing as the dispatcher has it; None while there is none."""
        try:
            runs = await self.get("DISPATCHER_URL", "/v1/runs", mailing_id=mailing["mailing_id"])
        except httpx.TransportError:
            return None  # the process is being killed just now
        return runs["items"][0] if runs["items"] else None

    async def attempted(self, mailing: Json) -> None:
        """Wait until an attempt of a mailing is on record, whatever came of it."""

        async def is_attempted() -> bool:
            run = await self.run(mailing)
            return run is not None and bool(await self.attempts(run, "true"))

        await eventually(is_attempted, within=60)

    async def sent(self, mailing: Json, count: int, *, within: float = 120) -> Json:
        """Wait until at least `count` messages of a mailing are final."""

        async def enough() -> Json | None:
            run = await self.run(mailing)
            done = run and run["planned"] - run["open"] >= count and run["planned"]
            return run if done else None

        return await eventually(enough, within=within)

    async def finished(self, mailing: Json, *, within: float = 120) -> Json:
        """Wait until all messages of a mailing are final; return its run."""

        async def is_finished() -> Json | None:
            run = await self.run(mailing)
            return run if run and run["state"] == "finished" else None

        return await eventually(is_finished, within=within, every=SELDOM_S)

    async def stands_still(self, mailing: Json, *, over: float) -> Json:
        """Wait until a mailing's run has not moved for so many seconds; return it."""
        loop = asyncio.get_running_loop()
        seen: tuple[int | None, float] = (None, 0.0)

        async def still() -> Json | None:
            nonlocal seen
            run = await self.run(mailing)
            if run is None or run["open"] != seen[0]:
                seen = (run["open"] if run else None, loop.time())
            return run if loop.time() - seen[1] > over else None

        return await eventually(still, within=120, every=SELDOM_S)

    async def ledger(self, run: Json) -> Ledger:
        """Count the run's messages and attempts in the dispatcher's tables."""
        db = await asyncpg.connect(self.env["DISPATCHER_DATABASE_URL"])
        try:
            rows = await db.fetch(STATES, run["run_id"])
        finally:
            await db.close()
        by_status = {row["state"]: row["messages"] for row in rows}
        return Ledger(by_status, int(sum(row["attempts"] for row in rows)))

    async def attempts(self, run: Json, where: str) -> list[asyncpg.Record]:
        """Return the run's attempts that fulfill an SQL condition."""
        db = await asyncpg.connect(self.env["DISPATCHER_DATABASE_URL"])
        try:
            found = f"SELECT * FROM all_attempts WHERE run_id = $1 AND {where}"
            return list(await db.fetch(found, run["run_id"]))
        finally:
            await db.close()

    async def statistics(self, run: Json) -> Ledger:
        """Return what the statistics say of a run: nothing, if they have not heard of it yet."""
        path = f"/v1/runs/{run['run_id']}"
        answer = await self.http.get(self.env["STATS_URL"] + path)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return Ledger({}, 0)
        assert answer.is_success, (answer.status_code, answer.text)
        stats = answer.json()
        by_status = {name: count for name, count in stats["by_status"].items() if count}
        return Ledger(by_status, stats["attempts"])

    async def statistics_equal_the_ledger(self, run: Json, *, within: float = 120) -> Ledger:
        """Wait until the statistics have caught up and equal the ledger, and add up."""
        ledger = await self.ledger(run)

        async def equal() -> bool:
            return await self.statistics(run) == ledger

        await eventually(equal, within=within, every=SELDOM_S)
        reconciled = await self.get("STATS_URL", "/v1/reconcile", run_id=run["run_id"])
        assert reconciled["reconciles"], reconciled
        return ledger

    async def requests(self) -> list[Json]:
        """Return the gateway's own ledger: number, at_ms, key, decision, is_accepted."""
        entries: list[Json] = []
        after: int | None = 0
        while after is not None:
            page = await self.get("GATEWAY_URL", "/ledger", after=after, limit=1_000)
            entries += page["items"]
            after = page["next_after"]
        return entries

    async def accepted(self) -> Counter[str]:
        """Return how often the gateway took each message, by its own ledger."""
        return Counter(each["key"] for each in await self.requests() if each["is_accepted"])

    async def rebuild_statistics(self) -> None:
        """Do what `mailings rebuild stats` does."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.stats", "rebuild"),
            env={**os.environ, **self.env},
            cwd=Path(__file__).parents[2],
        )
        async with asyncio.timeout(120):
            assert await process.wait() == 0

    async def records(self) -> list[FromKafka]:
        """Return every record of every topic, as it was when this was called."""
        servers = self.env["KAFKA_SERVERS"]
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        topics = await admin.list_topics()
        await admin.close()
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=servers, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            partitions = list(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            found: list[FromKafka] = []
            while any([await consumer.position(each) < end for each, end in ends.items()]):
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def misbehave(self, **faults: Any) -> None:
        await self._json("PATCH", "GATEWAY_URL", "/faults", json=faults)


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def new_tag() -> str:
    return f"tag-{uuid4().hex[:8]}"


@asynccontextmanager
async def platform_at(env: Mapping[str, str]) -> AsyncIterator[Platform]:
    async with httpx.AsyncClient(timeout=60) as http:
        yield Platform(env, http)
