"""Two real gateways at work on one database: what one of them does, the other never feels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import PostgresDsn

from services.dispatcher import workers
from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.turns import READY_LIMIT
from services.dispatcher.gateways.http.gateway import HttpGateway
from services.dispatcher.gateways.log import LogGateway
from services.dispatcher.handlers import ending
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue.planning import CHUNK
from shared import database
from shared.contracts.dispatcher import State
from shared.database import Pool
from shared.loop import forever
from shared.testing import eventually
from tests.dispatcher.proof import prove
from tests.dispatcher.world import World

CLIENTS = 5_000
CONNECTIONS = 8
# Nothing that hangs ends by itself while a test looks.
LASTING = Limits(
    timeout_s=300, lease_s=600, backoff_base_s=300, backoff_cap_s=600, controls_ttl_s=60
)
SOON = timedelta(milliseconds=20)
DRAIN = timedelta(milliseconds=100)
PATIENT = 60.0  # seconds: other processes use the same cores


class HangingServer:
    """Takes connections and whatever comes over them, and says nothing."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0

    async def hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while piece := await reader.read(65_536):
            self.requests += piece.count(b"POST ")
        writer.close()


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[HangingServer, str]]:
    stranger = HangingServer()
    async with await asyncio.start_server(stranger.hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield stranger, f"http://127.0.0.1:{port}/"


@asynccontextmanager
async def at_work(sender: Sender, pool: Pool) -> AsyncIterator[None]:
    """Let a sender do all that it does in a dispatcher."""
    poller = workers.WorkPoller(pool)
    work = (
        workers.send_messages(sender, poller, drain=DRAIN),
        forever("poll", poller.poll, every=SOON),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
        assert not any(task.done() for task in tasks), tasks
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


@pytest.fixture
async def one_connection(dispatcher_database: PostgresDsn) -> AsyncIterator[Pool]:
    """Give a pool in which whoever holds a connection while it waits stops all others."""
    async with database.connect(dispatcher_database, size=1) as pool:
        yield pool


@pytest.mark.parametrize("is_idempotent", [True, False])
async def test_a_gateway_that_hangs_stops_no_other_and_holds_nothing_but_its_connections(
    world: World, one_connection: Pool, tmp_path: Path, is_idempotent: bool
) -> None:
    messages = tmp_path / "messages.log"
    stuck = await world.plan(CLIENTS, gateway="http")
    other = await world.plan(gateway="log")

    async with hanging() as (stranger, url):
        http = HttpGateway(url, is_idempotent=is_idempotent, connections=CONNECTIONS)
        hangs = Sender(one_connection, http, LASTING)
        goes_on = Sender(one_connection, LogGateway(messages), LASTING)

        async def is_stuck() -> bool:
            return stranger.requests == CONNECTIONS

        async def is_finished() -> bool:
            await ending.finish(world.pool)
            return await other.status() == "finished"

        async with at_work(hangs, one_connection):
            await eventually(is_stuck, within=PATIENT)
            async with at_work(goes_on, one_connection):
                await eventually(is_finished, within=PATIENT)

            assert len(messages.read_bytes().splitlines()) == CLIENTS
            assert await stuck.status() == "sending"
            assert hangs.in_flight == stranger.requests == stranger.connections == CONNECTIONS
            # What is in memory is what is leased: a little more than is under way, not the run.
            assert await leased(world) < READY_LIMIT + CONNECTIONS + CHUNK

    assert await prove(world.pool) == {
        State.DELIVERED: CLIENTS,
        State.RETRY: CONNECTIONS,  # cut off at the end: nobody knows
        State.PLANNED: CLIENTS - CONNECTIONS,
    }


async def leased(world: World) -> int:
    """Return how many messages senders hold."""
    found: int = await world.value(
        "SELECT coalesce(sum(cardinality(client_ids)), 0) FROM chunks WHERE state = 'leased'"
    )
    return found
