"""Gateways as tests describe them."""

from functools import partial
from typing import Any

from services.dispatcher.domain.gateway import PauseGateway, RemoveGateway, ResumeGateway
from services.dispatcher.gateways.build import build
from services.dispatcher.gateways.description import read
from services.dispatcher.handlers import gateways
from services.dispatcher.queue.gateways import project
from shared.database import Pool
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore

built = partial(build, allows_private=True)

HTTP: dict[str, Any] = {"kind": "http", "url": "http://127.0.0.1:9/messages"}


def store_of(pool: Pool) -> PostgresEventStore:
    return PostgresEventStore("dispatcher", pool, project)


async def describe(pool: Pool, name: str, description: dict[str, Any], *, now: Instant) -> None:
    command = gateways.describing(name, read(description), now)
    await gateways.handle(store_of(pool), command)


async def command(pool: Pool, given: PauseGateway | ResumeGateway | RemoveGateway) -> None:
    await gateways.handle(store_of(pool), given)
