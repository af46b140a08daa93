"""Save a state for later code to go on from: `python -m tests.upgrade.make NAME`.

Runs the whole stack in a home of its own with 5,000 messages, kills all services in the middle of
a run and saves what is there. Run it at the last commit before tables, events or partitions
change; the file in `states/` stays as it is from then on.
"""

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.services import SERVICES
from deploy.local.stack import ALL, Stack
from shared.testing import eventually
from tests.e2e.outside import Json, Platform, in_seconds, platform_at
from tests.upgrade.reads import read_everything
from tests.upgrade.state import LoggedRecord, State, dump_database

PARTITIONS = 3
SENDERS = ("dispatcher", "dispatcher.2")
SETTINGS = {
    "LOG_FORMAT": "json",
    "TOPIC_PARTITIONS": str(PARTITIONS),
    "DISPATCHER_HTTP_GATEWAY_TIMEOUT": "PT1S",
    "DISPATCHER_BACKOFF_BASE": "PT0.2S",
    "DISPATCHER_BACKOFF_CAP": "PT1S",
    "DISPATCHER_SMTP_GATEWAY_TIMEOUT": "PT1S",
    "DISPATCHER_LEASE": "PT3S",
}
# Clients by tag; each tag is the audience of one mailing.
AUDIENCES = {
    "finished": 1_800,
    "logged": 300,
    "stopped": 500,
    "expired": 100,
    "paused": 400,
    "middle": 1_200,
    "begun": 50,
    "scheduled": 600,
}
WITHOUT_PHONE = 50  # more clients with the tag `finished`
HEADER = "phone,operator_code,tags,time_zone,email,full_name,comment\n"
ZONES = ("Europe/Moscow", "Asia/Vladivostok", "")
GOOD: Json = {
    "latency_ms": "0",
    "fail_share": 0,
    "throttle_share": 0,
    "garbage_share": 0,
    "hang_share": 0,
}
FAILING: Json = {**GOOD, "fail_share": 1}
MIXED: Json = {
    "latency_ms": "30-60",
    "fail_share": 0.1,
    "throttle_share": 0.05,
    "garbage_share": 0.06,
    "hang_share": 0.02,
}
SLOW: Json = {**GOOD, "latency_ms": "300-600"}

# What the dispatcher's database must hold, or the state is not worth saving.
CENSUS = {
    "retries": "SELECT count(*) FROM exceptions WHERE state = 'retry'",
    "undetermined": "SELECT count(*) FROM exceptions WHERE state = 'undetermined'",
    "failed": "SELECT count(*) FROM exceptions WHERE state = 'failed'",
    "cancelled": "SELECT count(*) FROM exceptions WHERE state = 'cancelled'",
    "expired": "SELECT count(*) FROM exceptions WHERE state = 'expired'",
    "leased_chunks": "SELECT count(*) FROM chunks WHERE state = 'leased'",
    "outbox_rows": "SELECT count(*) FROM outbox",
    "unanswered_starts": """
        SELECT count(*) FROM all_attempts s WHERE kind = 'start' AND NOT EXISTS (
            SELECT FROM attempts a WHERE a.kind <> 'start'
            AND (a.run_id, a.client_id, a.attempt) = (s.run_id, s.client_id, s.attempt)
        )
    """,
    "lost": "SELECT count(*) FROM attempts WHERE kind = 'lost'",
    "answered_late": """
        SELECT count(*) FROM attempts l JOIN attempts a USING (run_id, client_id, attempt)
        WHERE l.kind = 'lost' AND a.kind = 'answer' AND a.outcome = 'accepted'
    """,
}


class Story:
    """What happens until everything stops."""

    def __init__(self, stack: Stack, platform: Platform) -> None:
        self.stack = stack
        self.platform = platform
        self.facts: Json = {"partitions": PARTITIONS, "audiences": AUDIENCES}
        self.mailings: dict[str, Json] = {}

    async def happen(self) -> None:
        """Go through it all; leave the services killed."""
        await self._import_clients()
        await self._finish_runs()
        await self._miss_a_window()
        await self._schedule()
        await self._pause()
        await self._stop_in_the_middle()
        self.facts["mailings"] = {
            name: mailing["mailing_id"] for name, mailing in self.mailings.items()
        }

    async def _import_clients(self) -> None:
        first = 79_000_000_000
        rows: list[str] = []
        for tag, count in AUDIENCES.items():
            for number in range(count):
                phone, zone = first + len(rows), ZONES[number % len(ZONES)]
                code, name = 900 + number % 7, f"Client {len(rows)}"
                mail = f"client{len(rows)}@example.com"
                rows.append(f"{phone},{code},{tag},{zone},{mail},{name},\n")
        half = len(rows) // 2
        await self._import(rows[:half], "first half")
        await self._import([*rows[half:], "12345,,,,,,\n", "79123456789,,,Nowhere,,,\n"], "rest")
        for number in range(WITHOUT_PHONE):
            client = {"email": f"mail{number}@example.com", "tags": ["finished"]}
            url = self.platform.env["CATALOG_URL"] + "/v1/clients"
            assert (await self.platform.http.post(url, json=client)).is_success

    async def _import(self, rows: list[str], key: str) -> None:
        answer = await self.platform.http.post(
            self.platform.env["CATALOG_URL"] + "/v1/imports",
            content=(HEADER + "".join(rows)).encode(),
            headers={"content-type": "text/csv", "idempotency-key": f'"{key}"'},
            timeout=60,
        )
        assert answer.is_success, answer.text

    async def _create(self, tag: str, **plan: Any) -> Json:
        mailing = await self.platform.create_mailing(tag=tag, **plan)
        self.mailings[tag] = mailing
        return mailing

    async def _finish_runs(self) -> None:
        platform = self.platform
        await platform.misbehave(**FAILING)
        expired = await self._create("expired", ends_at=in_seconds(3))
        await platform.finished(expired)
        logged = await self._create("logged", gateway="log")
        await platform.finished(logged)

        body = {
            "name": "to finished",
            "body": "Hello {{ full_name }}",
            "filter": {"operator_codes": [], "tags": ["finished"]},
            "ends_at": in_seconds(7200),
            "gateway": "http",
        }
        finished = await self._create_with_key("finished", body)
        await platform.attempted(finished)
        await self._remove_clients("finished", 5)
        await platform.misbehave(**MIXED)
        await platform.sent(finished, 400)
        await self._suspend_a_sender()
        await platform.finished(finished, within=120)

        await platform.misbehave(**SLOW)
        stopped = await self._create("stopped")
        await platform.sent(stopped, 100)
        await platform.command(stopped, "stop")
        await platform.finished(stopped)
        deleted = await platform.create_mailing(tag="deleted", starts_at=in_seconds(3000))
        path = f"/v1/mailings/{deleted['mailing_id']}"
        await platform.http.delete(platform.env["CATALOG_URL"] + path)

    async def _create_with_key(self, tag: str, body: Json) -> Json:
        """Create a mailing in such a way that the request can be repeated."""
        key = f'"mailing to {tag}"'
        answer = await self.platform.http.post(
            self.platform.env["CATALOG_URL"] + "/v1/mailings",
            json=body,
            headers={"idempotency-key": key},
        )
        assert answer.is_success, answer.text
        self.facts["repeatable"] = {"key": key, "body": body, "answer": answer.json()}
        self.mailings[tag] = answer.json()
        return self.mailings[tag]

    async def _remove_clients(self, tag: str, count: int) -> None:
        page = await self.platform.get("CATALOG_URL", "/v1/clients", tag=tag, limit=count)
        for client in page["items"]:
            path = f"/v1/clients/{client['client_id']}"
            await self.platform.http.delete(self.platform.env["CATALOG_URL"] + path)

    async def _suspend_a_sender(self) -> None:
        """Suspend a sender until its leases are taken: what it was answered comes late.

        One that is suspended in a transaction holds its row, and nobody can take them.
        """
        for name in 3 * SENDERS:
            pid = self.stack.pid(name)
            assert pid is not None
            if await self._is_sending(name):
                os.kill(pid, signal.SIGSTOP)
                with suppress(AssertionError):
                    await eventually(partial(self._count, "lost"), within=8)
                os.kill(pid, signal.SIGCONT)
                if await self._count("lost"):
                    return
        raise AssertionError("no lease was taken")

    async def _is_sending(self, name: str) -> bool:
        address = f"{name.upper().replace('.', '_')}_URL"
        gateways = await self.platform.get(address, "/v1/gateways")
        return any(each["in_flight"] for each in gateways["items"])

    async def _miss_a_window(self) -> None:
        await self.stack.kill("scheduler")
        ends_at = in_seconds(2.5)
        missed = await self._create("missed", starts_at=in_seconds(1), ends_at=ends_at)
        await asyncio.sleep(3)
        await self.stack.begin("scheduler")

        async def is_missed() -> bool:
            return bool((await self.platform.mailing(missed))["missed_reason"])

        await eventually(is_missed, within=120)

    async def _schedule(self) -> None:
        tomorrow = 24 * 3600
        window = {"starts_at": in_seconds(tomorrow), "ends_at": in_seconds(tomorrow + 3600)}
        scheduled = await self._create("scheduled", **window)
        answer = await self.platform.http.patch(
            self.platform.env["CATALOG_URL"] + f"/v1/mailings/{scheduled['mailing_id']}",
            json={"body": "Good morning, {{ full_name }}"},
            headers={"content-type": "application/merge-patch+json"},
        )
        assert answer.is_success, answer.text

    async def _pause(self) -> None:
        paused = await self._create("paused")
        await self.platform.sent(paused, 100)
        await self.platform.command(paused, "pause")
        await self.platform.stands_still(paused, over=2)

    async def _stop_in_the_middle(self) -> None:
        """Kill all: the outbox full, a run in its middle, another one begun and not yet read."""
        platform, stack = self.platform, self.stack
        await platform.misbehave(**{**MIXED, "fail_share": 0.25})
        middle = await self._create("middle")
        await platform.sent(middle, 350)
        kafka = stack.pid("kafka")
        assert kafka is not None
        os.kill(kafka, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.5)
            for name in SENDERS:
                await stack.kill(name)
        finally:
            os.kill(kafka, signal.SIGCONT)
        begun = await self._create("begun")

        async def has_begun() -> bool:
            return bool((await platform.mailing(begun))["status"] == "running")

        await eventually(has_begun, within=120)
        for name in SERVICES:
            await stack.kill(name)

    async def _count(self, what: str) -> int:
        db = await asyncpg.connect(self.platform.env["DISPATCHER_DATABASE_URL"])
        try:
            return int(await db.fetchval(CENSUS[what]))
        finally:
            await db.close()

    async def save(self, name: str) -> Path:
        """Save what is there."""
        env = self.platform.env
        urls = {service: env[f"{service.upper()}_DATABASE_URL"] for service in SERVICES}
        census = {what: await self._count(what) for what in CENSUS}
        print(census)  # noqa: T201
        assert all(census.values()), f"something is missing: {census}"
        db = await asyncpg.connect(urls["dispatcher"])
        saved_at = await db.fetchval("SELECT clock_timestamp() + shift FROM clock")
        await db.close()
        self.facts |= {"saved_at": saved_at.isoformat(), "census": census}
        return State(
            facts=self.facts,
            databases={service: await dump_database(url) for service, url in urls.items()},
            log=await self._log(),
            gateway_ledger=(self.stack.home.data / "gateway.ledger").read_bytes(),
            reads=await read_everything(urls),
        ).save(name)

    async def _log(self) -> list[LoggedRecord]:
        records = [each for each in await self.platform.records() if each.topic[0] != "_"]
        records.sort(key=lambda each: (each.topic, each.partition, each.offset))
        ends: dict[tuple[str, int], int] = {}
        for each in records:
            expected = ends.get((each.topic, each.partition), 0)
            assert each.offset == expected, "an offset is missing: this log cannot be restored"
            ends[each.topic, each.partition] = each.offset + 1
        return [
            LoggedRecord(
                topic=each.topic,
                partition=each.partition,
                timestamp_ms=each.timestamp,
                key=each.key,
                value=each.value,
                headers=list(each.headers),
            )
            for each in records
        ]


async def main(name: str) -> None:
    """Make a state and say where it is."""
    with tempfile.TemporaryDirectory() as home:
        parts = (*ALL, "dispatcher.2")
        stack = Stack(Path(home), SETTINGS, parts, ("--plain",), ephemeral=True)
        await stack.start()
        try:
            async with platform_at(stack.env) as platform:
                story = Story(stack, platform)
                await story.happen()
                path = await story.save(name)
        finally:
            await stack.stop()
    print(f"{path}: {path.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
