"""A service that starts before its database exists, or before its migration, waits and says so."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, TransportError
from pydantic import PostgresDsn
from sqlalchemy import make_url, text

from deploy.local.services import SERVICES, Addresses
from shared import database, migrate
from shared.testing import eventually

ROOT = Path(__file__).parents[2]
KUBERNETES = {
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "8001",
    "PORT": "tcp://10.0.0.1:8001",
    "PORT_8001_TCP_ADDR": "10.0.0.1",
}


async def execute(server: PostgresDsn, statement: str) -> None:
    async with database.connect(server) as pool, database.autocommit(pool) as db:
        await db.execute(text(statement))


@pytest.fixture
def missing(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    """Give the address of a database that does not exist."""
    name = f"test_{os.getpid()}_missing"
    url = make_url(str(postgres)).set(database=name)
    yield PostgresDsn(url.render_as_string(hide_password=False))
    asyncio.run(execute(postgres, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@asynccontextmanager
async def running(service: str, url: PostgresDsn, log: Path) -> AsyncIterator[AsyncClient]:
    """Start a service in a shell with the addresses of all, beside others in Kubernetes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    prefix = service.upper()
    environment = {
        **os.environ,
        **Addresses(dict.fromkeys((*SERVICES, "gateway"), 1), {}).for_people(),
        **{f"{prefix}_{name}": value for name, value in KUBERNETES.items()},
        f"{prefix}_DATABASE_URL": str(url),
        f"{prefix}_HTTP_PORT": str(port),
        "KAFKA_SERVERS": "127.0.0.1:1",
        "LOG_FORMAT": "json",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}"),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client: AsyncClient, path: str, status: int) -> bool:
    with suppress(TransportError):
        return (await client.get(path)).status_code == status
    return False


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def without_exceptions(log: Path) -> bool:
    return not [line for line in lines(log) if "exception" in line]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_waits_for_its_database_and_then_begins(
    service: str, missing: PostgresDsn, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with running(service, missing, log) as client:
        await eventually(lambda: answers(client, "/livez", 204), within=120)
        await eventually(lambda: answers(client, "/readyz", 503), within=120)

        await migrate.migrate(service, missing)

        await eventually(lambda: answers(client, "/readyz", 204), within=120)

    waited = {line.get("reason", "") for line in lines(log) if line["event"] == "loop.waiting"}
    assert "the database does not exist yet; `python -m shared.migrate` makes it" in waited
    assert without_exceptions(log)


async def test_a_service_waits_for_the_first_migration(
    postgres: PostgresDsn, missing: PostgresDsn, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await execute(postgres, f'CREATE DATABASE "{make_url(str(missing)).database}"')

    async with running("catalog", missing, log) as client:
        await eventually(lambda: answers(client, "/readyz", 503), within=120)
        assert await answers(client, "/livez", 204)
        assert await answers(client, "/v1/mailings", 503)

        await migrate.migrate("catalog", missing)

        await eventually(lambda: answers(client, "/readyz", 204), within=120)

    assert without_exceptions(log)


async def test_a_service_waits_for_the_migrations_of_its_release(
    missing: PostgresDsn, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    # Before the service starts: one that finds the database migrated, even for a moment, begins.
    await migrate.migrate("catalog", missing)
    await execute(missing, "UPDATE alembic_version SET version_num = '0000'")

    async with running("catalog", missing, log) as client:
        await eventually(lambda: answers(client, "/readyz", 503), within=120)

        await execute(missing, "UPDATE alembic_version SET version_num = '9999'")  # of a newer one

        await eventually(lambda: answers(client, "/readyz", 204), within=120)

    assert without_exceptions(log)


async def test_who_may_not_create_databases_can_migrate_one_that_is_there(
    postgres: PostgresDsn, missing: PostgresDsn
) -> None:
    url = make_url(str(missing))
    role = f"{url.database}_role"
    await execute(postgres, f'CREATE ROLE "{role}" LOGIN')
    await execute(postgres, f'CREATE DATABASE "{url.database}" OWNER "{role}"')
    own = url.set(username=role).render_as_string(hide_password=False)
    try:
        await migrate.migrate("catalog", PostgresDsn(own))
    finally:
        await execute(postgres, f'DROP DATABASE "{url.database}" WITH (FORCE)')
        await execute(postgres, f'DROP ROLE "{role}"')
