"""Each service as a process: with a token it answers nobody else, and hides it."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from httpx import AsyncClient, TransportError

from deploy.env_example import SERVICES
from shared.testing import eventually

ROOT = Path(__file__).parents[2]
TOKEN = "c0ffee" * 8
AWAY = "127.0.0.1:1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def started(service: str, folder: Path) -> AsyncIterator[tuple[Process, AsyncClient]]:
    """Start a service whose stores are away, with a token from a file."""
    name, port = service.upper(), free_port()
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / f"{name}_API_TOKEN").write_text(TOKEN)
    (secrets / f"{name}_DATABASE_URL").write_text(f"postgresql://nobody@{AWAY}/none")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "KAFKA_SERVERS": AWAY,
        "SECRETS_DIR": str(secrets),
        "LOG_FORMAT": "json",
        f"{name}_HTTP_PORT": str(port),
        f"{name}_API_TOKEN_REQUIRED": "true",
        "DISPATCHER_LOG_GATEWAY_PATH": str(folder / "messages.log"),
    }
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}"),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield process, client
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_with_a_token_answers_only_who_shows_it(
    service: str, tmp_path: Path
) -> None:
    async with started(service, tmp_path) as (_, client):

        async def is_alive() -> bool:
            try:
                return (await client.get("/livez")).status_code == 204
            except TransportError:
                return False

        await eventually(is_alive, within=120)
        shown = {"Authorization": f"Bearer {TOKEN}"}
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 401
        assert (await client.get("/openapi.json", headers=shown)).status_code == 200

    assert TOKEN not in (tmp_path / "log").read_text()
