"""Audiences: whom filters select, by the statements of the services, against a plain model.

Clients and filters by chance; each filter goes the whole way, from the body of a request over the
event to the statement. Asked are all who select: expansion, for many and for few, and the catalog.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from pydantic import PostgresDsn
from sqlalchemy import insert, text

from deploy.local.stack import POSTGRES, Stack
from services.catalog import tables as catalog_tables
from services.catalog.queries import previews
from services.dispatcher import tables as dispatcher_tables
from services.dispatcher.queries.audience import Wanted, count
from services.dispatcher.queue.audience import (
    audience_of,
    find_few,
    next_clients,
)
from services.dispatcher.queue.doubles import Part, forget_doubles, leave_out
from shared import database, migrate
from shared.audience import canonical, mistakes
from shared.contracts.catalog import Filter
from shared.database import Connection, Pool, autocommit, transaction
from shared.http.filters import FilterBody, filter_from
from tests.proof.audience_model import one_of_each, selected

Json: TypeAlias = dict[str, Any]

CODES = ("900", "903", "916", "926")
TAGS = ("vip", "new", "old", "o'hara", "a,b", "ю")
ZONES = (
    *("Europe/Kiev", "Europe/Kyiv", "Asia/Calcutta", "Asia/Kolkata"),
    *("US/Eastern", "America/New_York", "Europe/Moscow", "UTC"),
)
SHOWN = 20  # differences
REPORTED = 1_000  # so many filters at a time
MANY = 1_000_000
PARTS = 3  # in which doubles are looked for


@dataclass(frozen=True)
class Plan:
    """How much is compared, and by which chance."""

    seed: int
    filters: int = 10_000
    clients: int = 120  # that there are at a time
    filters_each: int = 100  # of the same clients


def client_by_chance(chance: Random, number: int) -> Json:
    """Return a client; some phones and many fields are missing."""
    phone = f"7916{number:07}" if chance.random() < 0.7 else None
    return {
        "client_id": str(UUID(int=chance.getrandbits(128))),
        "phone": phone,
        "operator_code": chance.choice([*CODES, None]),
        "tags": chance.sample(TAGS, chance.choice((0, 0, 1, 2, 3))),
        "time_zone": chance.choice([*ZONES, None]),
        "email": _email(chance, number) if phone is None or chance.random() < 0.5 else None,
    }


def _email(chance: Random, number: int) -> str:
    """Return an e-mail, which some clients share, in one case or another."""
    local = f"{number}" if chance.random() < 0.6 else f"anna.{number % 5}"
    return f"{chance.choice((local, local.title()))}@example.com"


def filter_by_chance(chance: Random, clients: Sequence[Json]) -> Json:
    """Return a filter as people write it."""
    wanted: Json = {}
    if chance.random() < 0.3:
        wanted["operator_codes"] = chance.sample(CODES, chance.choice((0, 1, 2)))
    if chance.random() < 0.3:
        wanted["tags"] = chance.sample(TAGS, chance.choice((0, 1, 2)))
    if chance.random() < 0.8:
        wanted["include"] = _condition(chance, clients, 1)
    if chance.random() < 0.5:
        wanted["exclude"] = _condition(chance, clients, 1)
    if chance.random() < 0.2:
        wanted["one_per_contact"] = True
    return wanted


def _condition(chance: Random, clients: Sequence[Json], depth: int) -> Json:
    phones = [each["phone"] for each in clients if each["phone"]] + ["79990000000"]
    ids = [each["client_id"] for each in clients] + [str(UUID(int=7))]
    choices: dict[str, Callable[[], Any]] = {
        "operator_codes": lambda: chance.sample(CODES, chance.choice((1, 2))),
        "tags": lambda: chance.sample(TAGS, chance.choice((1, 2))),
        "all_tags": lambda: chance.sample(TAGS, chance.choice((1, 2))),
        "no_tags": lambda: chance.sample(TAGS, chance.choice((1, 2))),
        "time_zones": lambda: chance.sample(ZONES, chance.choice((1, 2))),
        "client_ids": lambda: chance.sample(ids, chance.choice((1, len(ids) // 2))),
        "phones": lambda: chance.sample(phones, chance.choice((1, len(phones) // 2))),
        "has_phone": lambda: chance.random() < 0.5,
        "has_email": lambda: chance.random() < 0.5,
    }
    if depth < 4:
        inner = depth + 1
        many = (1, 2, 3)
        choices |= {
            "and": lambda: [
                _condition(chance, clients, inner) for _ in range(chance.choice(many))
            ],
            "or": lambda: [_condition(chance, clients, inner) for _ in range(chance.choice(many))],
            "not": lambda: _condition(chance, clients, inner),
        }
    names = chance.sample(list(choices), chance.choice((1, 1, 2)))
    return {name: choices[name]() for name in names}


def as_stored(wanted: Json, clients: Sequence[Json]) -> Filter:
    """Return the filter that a run has in the end of one that somebody wrote."""
    ids = {each["phone"]: UUID(each["client_id"]) for each in clients if each["phone"]}
    chosen = filter_from(FilterBody.model_validate(wanted), ids)
    assert not mistakes(chosen, "/filter"), wanted
    on_the_wire = msgspec.json.encode(canonical(chosen))
    row = msgspec.json.encode(msgspec.to_builtins(msgspec.json.decode(on_the_wire, type=Filter)))
    return msgspec.json.decode(row, type=Filter)


async def store(catalog: Pool, dispatcher: Pool, clients: Sequence[Json], now: Any) -> None:
    """Let there be these clients, and no others."""
    rows = [{**each, "client_id": UUID(each["client_id"]), "version": 1} for each in clients]
    for pool, table, more in (
        (catalog, catalog_tables.clients, {"created_at": now, "changed_at": now}),
        (dispatcher, dispatcher_tables.clients, {"is_removed": False}),
    ):
        async with transaction(pool) as db:
            await db.execute(text(f"TRUNCATE {table.name} CASCADE"))
            await db.execute(insert(table), [each | more for each in rows])


async def answers(catalog: Connection, dispatcher: Connection, wanted: Filter) -> list[Any]:
    """Return whom a filter selects, as all say who are asked; the last two say how many."""
    run_id = UUID(int=1)
    audience = audience_of(wanted, None, run_id)
    if wanted.one_per_contact:
        for number in range(PARTS):
            await leave_out(dispatcher, audience, run_id, "email", Part(number, PARTS))
    values = {"after": UUID(int=0), "limit": MANY, **audience.values}
    many = set((await dispatcher.scalars(text(next_clients(audience)), values)).all())
    found = await find_few(dispatcher, audience, MANY)
    few = many if found is None else set(found)
    await forget_doubles(dispatcher, run_id)
    preview = await count(dispatcher, Wanted(wanted, "email"))
    counted = (await previews.audience(catalog, wanted, "email", ())).clients
    return [many, few, counted, preview.messages]


def expected(clients: Sequence[Json], wanted: Json) -> list[Any]:
    """Return the same, as the model has it."""
    chosen = selected(clients, wanted)
    if wanted.get("one_per_contact"):
        chosen = one_of_each(clients, chosen, "email")
    has_email = {each["client_id"] for each in clients if each["email"]}
    ids = {UUID(each) for each in chosen}
    return [ids, ids, len(ids), len(chosen & has_email)]


async def compare(
    catalog: Pool, dispatcher: Pool, plan: Plan, report: Callable[[str], None]
) -> Json:
    """Return how many filters were compared, and at which the answers differ from the model."""
    chance, done, chosen, by_index = Random(plan.seed), 0, 0, 0  # noqa: S311 - no secret
    differences: list[Json] = []
    async with transaction(catalog) as db:
        now = await database.now(db)
    while done < plan.filters:
        clients = [client_by_chance(chance, number) for number in range(plan.clients)]
        await store(catalog, dispatcher, clients, now)
        async with autocommit(catalog) as first, autocommit(dispatcher) as second:
            for _ in range(min(plan.filters_each, plan.filters - done)):
                wanted = filter_by_chance(chance, clients)
                stored = as_stored(wanted, clients)
                right = expected(clients, wanted)
                if await answers(first, second, stored) != right:
                    differences.append({"filter": wanted, "clients": clients})
                done += 1
                chosen += len(right[0])
                by_index += audience_of(stored, None).indexed is not None
        if not done % REPORTED:
            report(f"audience: {done:,} filters, {len(differences)} differences")
    return {
        "seed": plan.seed,
        "filters": done,
        "clients_selected": chosen,
        "by_index": by_index,
        "differences": len(differences),
        "first_differences": differences[:SHOWN],
    }


@asynccontextmanager
async def pools() -> AsyncIterator[tuple[Pool, Pool]]:
    """Give databases of a catalog and a dispatcher, which are gone afterwards."""
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mailings-proof-") as home:
        stack = Stack(Path(home), parts=[POSTGRES], report=said.append, ephemeral=True)
        await stack.start()
        try:
            urls = [
                PostgresDsn(stack.env[f"{each}_DATABASE_URL"])
                for each in ("CATALOG", "DISPATCHER")
            ]
            for service, url in zip(("catalog", "dispatcher"), urls, strict=True):
                await asyncio.to_thread(asyncio.run, migrate.migrate(service, url))
            async with database.connect(urls[0]) as first, database.connect(urls[1]) as second:
                yield first, second
        finally:
            await stack.stop()


async def prove(plan: Plan, report: Callable[[str], None]) -> Json:
    """Compare on databases of its own."""
    async with pools() as (catalog, dispatcher):
        return await compare(catalog, dispatcher, plan, report)
