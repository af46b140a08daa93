"""Clients whose words a release left that knew no segments are found at once, and get segments."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from pydantic import PostgresDsn
from sqlalchemy import make_url, text

from services.catalog.handlers.searching import follow_changes
from services.catalog.queries.clients import clients
from services.catalog.queries.facets import facets
from services.catalog.queries.search import Asked, segments
from services.catalog.routes.asked_clients import LATEST
from shared import database, migrate
from shared.database import Pool, autocommit

COUNT = 30
BEFORE = "0022"  # the last migration without segments
AS_BEFORE = (
    """
    INSERT INTO clients (client_id, phone, full_name, tags, version, created_at, changed_at)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CAST(79160000000 + n AS text), 'Anna', '{vip}',
        1, timestamptz '2026-01-01' + n * interval '1 s', now()
    FROM generate_series(1, 30) AS n
    """,
    "DELETE FROM client_changes",
    """
    INSERT INTO client_search (client_id, version, created_at, tags, words)
    SELECT client_id, version, created_at, tags, array_to_tsvector(ARRAY['anna', 'tag:vip', phone])
    FROM clients
    """,
    "INSERT INTO client_facets VALUES ('all', '', 30), ('tag', 'vip', 30)",
)


@pytest.fixture
def url(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    name = f"test_{os.getpid()}_words"
    own = make_url(str(postgres)).set(database=name).render_as_string(hide_password=False)
    yield PostgresDsn(own)
    asyncio.run(_drop(postgres, name))


async def _drop(server: PostgresDsn, name: str) -> None:
    async with database.connect(server) as pool, autocommit(pool) as db:
        await db.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
async def pool(url: PostgresDsn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    whole = ScriptDirectory._upgrade_revs  # noqa: SLF001 - what `shared.migrate` calls

    def until(self: ScriptDirectory, _: str, current: Any) -> Any:
        is_ours = "catalog" in str(self.dir)
        return whole(self, BEFORE if is_ours else "head", current)

    with monkeypatch.context() as patched:
        patched.setattr(ScriptDirectory, "_upgrade_revs", until)
        await migrate.migrate("catalog", url)
    async with database.connect(url) as before, autocommit(before) as db:
        for statement in AS_BEFORE:
            await db.execute(text(statement))
    await migrate.migrate("catalog", url)
    async with database.connect(url) as pool:
        yield pool


async def test_clients_are_found_and_counted_before_and_after_they_get_segments(
    pool: Pool,
) -> None:
    async def is_as_before() -> list[int]:
        async with autocommit(pool) as db:
            for asked in (Asked(typed="ann"), Asked(typed="ann", tags=["vip"])):
                found = await clients(db, asked, before=LATEST, limit=5)
                assert [each.client_id.int for each in found] == [30, 29, 28, 27, 26]
                assert (await facets(db, asked)).count == COUNT
            assert (await facets(db, Asked())).count == COUNT
            return [each.number for each in await segments(db)]

    assert await is_as_before() == []
    while await follow_changes(pool):
        pass

    assert await is_as_before() == [1]
