"""What a page shows is what a plain model finds, however clients stand in segments."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.catalog.domain import search as domain
from services.catalog.domain.search import words_of
from services.catalog.handlers.searching import follow_changes
from services.catalog.queries import clients as queries
from services.catalog.queries import facets as module
from services.catalog.queries.clients import clients
from services.catalog.queries.facets import facets
from services.catalog.queries.search import Asked, Place, Segment, segments, stretches
from services.catalog.routes.asked_clients import LATEST
from shared.database import Connection, Pool, autocommit, transaction

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("Anna Petrova", "Anatoly Petrov", "Boris Annin", "Olga", "Zoe Borisova")
TAGS = ("even", "odd", "old", "new", "rare")
TYPED = (
    *(None, None, "anna", "an", "petrov", "boris an", "olga petrov", "79", "nobody", "example"),
    *("79 petrov", "7 79 olga", "anna 790", "79 nobody"),
)
CODES = ("900", "901", None)


@dataclass(frozen=True)
class Client:
    """A client, as the model knows it."""

    client_id: UUID
    created_at: datetime
    full_name: str
    tags: tuple[str, ...]
    operator_code: str | None
    phone: str

    @property
    def place(self) -> Place:
        return self.created_at, self.client_id

    def has(self, asked: Asked) -> bool:
        words = words_of(self.full_name, f"{self.phone}@example.com", self.phone)
        return (
            all(any(word.startswith(each) for word in words) for each in _typed(asked))
            and set(asked.tags) <= set(self.tags)
            and asked.operator_code in (None, self.operator_code)
            and asked.phone in (None, self.phone)
            and (asked.client_ids is None or self.client_id in asked.client_ids)
        )


def _typed(asked: Asked) -> Sequence[str]:
    return (asked.typed or "").split()


INSERT = text("""
    INSERT INTO clients (
        client_id, phone, operator_code, tags, email, full_name, version, created_at, changed_at
    ) VALUES (
        :client_id, :phone, :operator_code, :tags, :email, :full_name, 1, :created_at, :created_at
    )
""")
UPDATE = text("UPDATE clients SET tags = :tags WHERE client_id = :client_id")


def some(random: Random, number: int, share: float) -> Client:
    """Return a client: most come in order, several at once, some as if they were older."""
    second = number // 3 if random.random() < 0.9 else random.randrange(40)
    tags = ["even" if number % 2 else "odd", *(["old"] if share < 0.5 else [])]
    tags += [each for each in ("new", "rare") if random.random() < 0.2]
    return Client(
        client_id=UUID(int=random.getrandbits(128)),
        created_at=AT + timedelta(seconds=second),
        full_name=NAMES[int(share * 2) if random.random() < 0.5 else random.randrange(5)],
        tags=tuple(tags),
        operator_code=random.choice(CODES),
        phone=str(79_000_000_000 + number),
    )


async def follow(pool: Pool) -> None:
    while await follow_changes(pool):
        pass


async def add(pool: Pool, client: Client) -> None:
    async with autocommit(pool) as db:
        values: dict[str, Any] = {
            "client_id": client.client_id,
            "phone": client.phone,
            "operator_code": client.operator_code,
            "tags": list(client.tags),
            "email": f"{client.phone}@example.com",
            "full_name": client.full_name,
            "created_at": client.created_at,
        }
        await db.execute(INSERT, values)


def asked_at_random(random: Random, model: Sequence[Client]) -> Asked:
    """Return some of what can be asked for together; now and then few by name."""
    tags = random.sample(TAGS, random.choice((0, 0, 1, 1, 2)))
    code = random.choice((None, None, "900"))
    few = [each.client_id for each in random.sample(model, 20)]
    return Asked(
        typed=random.choice(TYPED),
        tags=tags,
        operator_code=code,
        phone=random.choice((*[None] * 9, random.choice(model).phone)),
        client_ids=random.choice((*[None] * 5, few)),
    )


def facets_of(values: Iterable[str | None]) -> list[tuple[str, int]]:
    """Return how often there is each value, the most frequent first."""
    counted = Counter(each for each in values if each is not None)
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


@pytest.mark.parametrize("seed", range(4))
async def test_pages_and_counts_are_those_of_a_plain_model(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - no secret
    monkeypatch.setattr(domain, "SEGMENT", random.choice((1, 3, 7)))
    for name, value in (("WINDOW", 4), ("PER_ITEM", 1), ("CHANGED", random.choice((3, 100)))):
        monkeypatch.setattr(queries, name, value)
    model = [some(random, number, number / 90) for number in range(90)]
    for number, client in enumerate(model):
        await add(catalog_pool, client)
        if number % 10 == 0:
            await follow(catalog_pool)
    await follow(catalog_pool)
    async with autocommit(catalog_pool) as db:  # as a release has left them that knew no segments
        await db.execute(text("UPDATE client_search SET segment = 0 WHERE operator_code = '901'"))

    for _ in range(60):
        asked = asked_at_random(random, model)
        before = random.choice((LATEST, random.choice(model).place))
        having = [each for each in model if each.has(asked)]
        behind = sorted((e.place for e in having if e.place < before), reverse=True)
        limit = random.choice((1, 2, 5, 200))
        async with autocommit(catalog_pool) as db:
            found = await clients(db, asked, before=before, limit=limit)
            counts = await facets(db, asked)
        assert [(each.created_at, each.client_id) for each in found] == behind[:limit], asked
        assert (counts.count, counts.is_exact) == (len(having), True), asked
        tags = facets_of(tag for each in having for tag in each.tags)
        assert [(each.value, each.count) for each in counts.tags] == tags, asked
        codes = facets_of(each.operator_code for each in having)
        assert [(each.value, each.count) for each in counts.operator_codes] == codes, asked


@pytest.mark.parametrize("most", [0, 100])
async def test_tags_that_change_hold_at_once_wherever_their_clients_stand(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    random = Random(7)  # noqa: S311 - no secret
    monkeypatch.setattr(domain, "SEGMENT", 5)
    for name, value in (("WINDOW", 2), ("PER_ITEM", 1), ("CHANGED", most)):
        monkeypatch.setattr(queries, name, value)
    model = [some(random, number, number / 30) for number in range(30)]
    for client in model:
        await add(catalog_pool, client)
    await follow(catalog_pool)
    for index in random.sample(range(30), 12):
        tags = ("old",) if random.random() < 0.5 else ("rare",)
        model[index] = replace(model[index], tags=tags)
        async with autocommit(catalog_pool) as db:
            values = {"client_id": model[index].client_id, "tags": list(tags)}
            await db.execute(UPDATE, values)

    for tag in TAGS:
        having = sorted((e.place for e in model if tag in e.tags), reverse=True)
        for limit in (1, 3, 100):
            async with autocommit(catalog_pool) as db:
                found = await clients(db, Asked(tags=[tag]), before=LATEST, limit=limit)
            assert [each.client_id for each in found] == [i for _, i in having[:limit]], tag


async def test_who_changes_stays_in_its_segment(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "SEGMENT", 2)
    random = Random(7)  # noqa: S311 - no secret
    model = [some(random, number, 0) for number in range(5)]
    for client in model:
        await add(catalog_pool, client)
    await follow(catalog_pool)
    async with autocommit(catalog_pool) as db:
        before = await segments(db)
        await db.execute(UPDATE, {"client_id": model[0].client_id, "tags": ["rare"]})
    await follow(catalog_pool)

    async with autocommit(catalog_pool) as db:
        assert sorted(each.number for each in before) == [1, 2, 3]
        assert await segments(db) == before


def _segments(*bounds: tuple[int, int]) -> Iterator[Segment]:
    for number, (oldest, newest) in enumerate(bounds):
        yield Segment(number, (AT, UUID(int=oldest)), (AT, UUID(int=newest)))


def test_stretches_lie_one_behind_the_other_and_have_all_their_segments() -> None:
    found = list(_segments((70, 90), (40, 75), (50, 60), (1, 30)))

    shown = [
        ([each.number for each in stretch.segments], stretch.newest[1].int, stretch.end[1].int)
        for stretch in stretches(found, LATEST)
    ]

    assert shown == [([0], 90, 75), ([0, 1], 75, 60), ([1, 2], 60, 30), ([3], 30, 0)]
    behind = [each.newest[1].int for each in stretches(found, (AT, UUID(int=60)))]
    assert behind == [60, 30]


CLIENTS, OLD, SEGMENT, PAGE = 30_000, 20_000, 1_000, 20
REGISTER = text("""
    INSERT INTO clients (
        client_id, phone, tags, full_name, version, created_at, changed_at
    )
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CAST(79160000000 + n AS text),
        CASE WHEN n <= :old THEN ARRAY['old'] ELSE ARRAY['new'] END,
        CASE WHEN n <= :old THEN 'Vera' ELSE 'Anna' END, 1, :at, :at
    FROM generate_series(1, CAST(:count AS int)) AS n
""")
ROWS_READ = text("""
    SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables
    WHERE relname IN ('clients', 'client_search')
""")


async def test_a_page_of_what_only_old_clients_have_reads_a_segment_of_them(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "SEGMENT", SEGMENT)
    monkeypatch.setattr(queries, "WINDOW", SEGMENT)
    async with autocommit(catalog_pool) as db:
        await db.execute(REGISTER, {"count": CLIENTS, "old": OLD, "at": AT})
    await follow(catalog_pool)
    async with autocommit(catalog_pool) as db:
        await db.execute(text("ANALYZE clients"))
        await db.execute(text("ANALYZE client_search"))

    for asked in (Asked(tags=["old"]), Asked(typed="vera"), Asked(typed="ver", tags=["old"])):
        for before in (LATEST, (AT, UUID(int=OLD // 2))):
            async with transaction(catalog_pool) as db:
                read = await db.scalar(ROWS_READ)
                found = await clients(db, asked, before=before, limit=PAGE)
                read = await db.scalar(ROWS_READ) - read
                many = len(await segments(db))
            newest = min(before[1].int - 1, OLD)
            assert [each.client_id.int for each in found] == [newest - n for n in range(PAGE)]
            assert read <= 3 * SEGMENT + 3 * many + 3 * PAGE


FLUSH = text("SELECT pg_stat_force_next_flush()")
BLOCKS_READ = text("""
    SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes
    WHERE indexrelname = 'client_search_words'
""")


async def test_where_nobody_has_the_rest_no_beginnings_of_phones_are_read(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "SEGMENT", SEGMENT // 5)
    monkeypatch.setattr(module, "COUNTED", 1)
    async with autocommit(catalog_pool) as db:
        await db.execute(REGISTER, {"count": CLIENTS // 5, "old": OLD // 5, "at": AT})
    await follow(catalog_pool)

    async def blocks_read(ask: Callable[[Connection, Asked], Awaitable[Any]], typed: str) -> Any:
        async with autocommit(catalog_pool) as db:
            await db.execute(FLUSH)
            before = await db.scalar(BLOCKS_READ)
            await ask(db, Asked(typed=typed))
            await db.execute(FLUSH)
            return await db.scalar(BLOCKS_READ) - before

    for rest in ("vera", "nobody"):
        for ask in (partial(clients, before=LATEST, limit=1), facets):
            alone = await blocks_read(ask, rest)
            assert await blocks_read(ask, f"79 {rest}") < 2 * alone
