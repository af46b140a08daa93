"""The whole catalog, as a process."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, ConnectError, TransportError
from pydantic import PostgresDsn

from services.catalog.files.rows import ROWS
from shared.contracts.catalog import CLIENTS
from shared.database import Pool
from shared.kafka import end_offsets
from shared.testing import eventually

ROOT = Path(__file__).parents[2]
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
AWAY = "127.0.0.1:1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def catalog(
    database: PostgresDsn, servers: str, log: Path, port: int | None = None, **more: str
) -> AsyncIterator[tuple[Process, AsyncClient]]:
    port = port or free_port()
    environment = {
        **os.environ,
        "CATALOG_DATABASE_URL": str(database),
        "CATALOG_HTTP_PORT": str(port),
        "KAFKA_SERVERS": servers,
        "LOG_FORMAT": "json",
        **more,
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.catalog"),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lives(client: AsyncClient) -> None:
    async def answers() -> bool:
        try:
            return (await client.get("/livez")).status_code == 204
        except ConnectError:
            return False

    await eventually(answers, within=120)


async def ended(process: Process) -> int:
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        return await process.wait()


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.usefixtures("catalog_pool")
async def test_the_catalog_accepts_without_kafka_and_publishes_when_it_is_there(
    catalog_database: PostgresDsn, kafka: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    before = sum((await end_offsets(kafka, CLIENTS)).values())

    async with catalog(catalog_database, AWAY, log) as (process, client):
        await lives(client)
        assert (await client.get("/readyz")).status_code == 204
        response = await client.post(
            "/v1/clients",
            json={"phone": "79161234567", "full_name": "Anna Petrova"},
            headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"},
        )
        assert response.status_code == 201
        assert (await client.get("/v1/clients/0")).json()["trace_id"]
        assert await ended(process) == 0

    async with catalog(catalog_database, kafka, log) as (process, client):

        async def is_published() -> bool:
            return sum((await end_offsets(kafka, CLIENTS)).values()) == before + 1

        await eventually(is_published, within=120)

        async def is_counted() -> bool:
            return "outbox_published" in (await client.get("/metrics")).text

        await eventually(is_counted, within=120)
        assert await ended(process) == 0

    said = log.read_text()
    assert {"loop.waiting", "relay.lease_taken"} <= {line["event"] for line in lines(log)}
    assert "79161234567" not in said
    assert "Petrova" not in said


@pytest.mark.usefixtures("catalog_pool")
async def test_an_import_whose_process_was_killed_is_told_as_failed_by_the_next_one(
    catalog_database: PostgresDsn, tmp_path: Path
) -> None:
    log, path = tmp_path / "log", "/v1/imports/00000000-0000-0000-0000-000000000001"

    async def shown(client: AsyncClient, status: str) -> dict[str, Any]:
        async def is_there() -> dict[str, Any] | None:
            view: dict[str, Any] = (await client.get(path)).json()
            return view if view.get("rows") and view["status"] == status else None

        return await eventually(is_there, within=120)

    async def endless() -> AsyncIterator[bytes]:
        yield b"phone\n" + b"".join(b"7916%07d\n" % number for number in range(ROWS))
        await asyncio.Event().wait()

    async def send(client: AsyncClient) -> None:
        with suppress(TransportError):
            await client.post(
                "/v1/imports",
                params={"import_id": path.rpartition("/")[2]},
                content=endless(),
                headers={"content-type": "text/csv"},
            )

    async with catalog(catalog_database, AWAY, log) as (process, client):
        await lives(client)
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(send(client))
            before = await shown(client, "running")
            process.kill()
            sending.cancel()

    async with catalog(catalog_database, AWAY, log, CATALOG_IMPORT_LEASE="PT4S") as (_, client):
        await lives(client)
        after = await shown(client, "failed")

    assert after == before | {
        "status": "failed",
        "failure_reason": "the service that took it ended; what is in stays, send it again",
        "ended_at": after["ended_at"],
    }
    assert after["ended_at"] > after["started_at"]


@pytest.mark.usefixtures("catalog_pool")
async def test_an_import_too_many_is_refused_by_name_though_it_is_large(
    catalog_database: PostgresDsn, tmp_path: Path
) -> None:
    csv, first = {"content-type": "text/csv"}, "00000000-0000-0000-0000-000000000001"
    may_end = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"phone\n"
        await may_end.wait()

    log = tmp_path / "log"
    async with catalog(catalog_database, AWAY, log, CATALOG_IMPORTS_AT_ONCE="1") as (_, client):
        await lives(client)
        params = {"import_id": first}
        sending = asyncio.create_task(
            client.post("/v1/imports", params=params, content=slow(), headers=csv)
        )

        async def is_running() -> bool:
            return (await client.get(f"/v1/imports/{first}")).status_code == 200

        await eventually(is_running, within=120)
        large = b"phone\n" + b"79161234567\n" * 2_000_000
        refused = await client.post("/v1/imports", content=large, headers=csv)
        may_end.set()
        answer = await sending

    assert (refused.status_code, refused.json()["type"]) == (503, "TooManyImports")
    assert answer.status_code == 201


@pytest.mark.usefixtures("catalog_pool")
async def test_the_trace_of_a_request_stays_with_what_it_recorded(
    catalog_database: PostgresDsn, catalog_pool: Pool, tmp_path: Path
) -> None:
    async with catalog(catalog_database, AWAY, tmp_path / "log") as (process, client):
        await lives(client)
        await client.post(
            "/v1/clients",
            json={"phone": "79161234567"},
            headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"},
        )
        assert await ended(process) == 0

    async with catalog_pool.connect() as db:
        [traceparent] = (await db.exec_driver_sql("SELECT traceparent FROM events")).scalars()
    assert traceparent.split("-")[1] == TRACE_ID


@pytest.mark.usefixtures("catalog_pool")
async def test_a_port_that_is_taken_is_told_with_what_to_do(
    catalog_database: PostgresDsn, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with catalog(catalog_database, AWAY, log, taken.getsockname()[1]) as (process, _):
            async with asyncio.timeout(30):
                code = await process.wait()

    assert code not in {0, None}
    assert "is taken: end what listens there or set another port" in log.read_text()


async def test_without_a_database_the_catalog_lives_says_so_and_waits(tmp_path: Path) -> None:
    log = tmp_path / "log"
    nowhere = PostgresDsn("postgresql://nobody@127.0.0.1:1/none")

    async with catalog(nowhere, AWAY, log) as (process, client):
        await lives(client)
        assert (await client.get("/readyz")).status_code == 503
        response = await client.post("/v1/clients", json={"phone": "79161234567"})
        assert (response.status_code, response.json()["type"]) == (503, "Unavailable")
        assert await ended(process) == 0

    assert "loop.waiting" in {line["event"] for line in lines(log)}
