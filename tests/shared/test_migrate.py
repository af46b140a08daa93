"""Migrations: what they make is what tables.py says, and they can be applied again."""

import asyncio
from importlib import import_module
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import PostgresDsn
from sqlalchemy import Connection, MetaData, text

from shared import database, migrate, schema
from shared import tables as shared
from shared.database import Pool, transaction
from shared.errors import Unavailable

SERVICES = [path.parent.name for path in sorted(schema.ROOT.glob("services/*/migrations"))]


def _differences(connection: Connection, own: MetaData) -> list[object]:
    context = MigrationContext.configure(connection, opts={"include_name": _is_ours})
    found = compare_metadata(context, _united([shared.metadata, own]))
    return [each for each in found if not _is_comment(each)]


def _is_ours(name: str | None, *_: object) -> bool:
    return name is None or "alembic" not in name


def _united(parts: list[MetaData]) -> MetaData:
    whole = MetaData()
    for part in parts:
        for table in part.sorted_tables:
            table.to_metadata(whole)
    return whole


def _is_comment(difference: Any) -> bool:  # tuples, or lists of them
    """Comments are for those who read tables.py; the database does not need them."""
    steps = difference if isinstance(difference, list) else [difference]
    return all(step[0] in {"modify_comment", "add_table_comment"} for step in steps)


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_make_what_the_tables_say(
    request: pytest.FixtureRequest, service: str
) -> None:
    url = request.getfixturevalue(f"{service}_database")
    own: MetaData = import_module(f"services.{service}.tables").metadata

    async def differences() -> list[object]:
        async with database.connect(url) as pool, transaction(pool) as db:
            return await db.run_sync(_differences, own)

    assert asyncio.run(differences()) == []


async def test_migrating_again_changes_nothing(
    catalog_database: PostgresDsn, catalog_pool: Pool
) -> None:
    await migrate.migrate("catalog", catalog_database)

    async with transaction(catalog_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM clock")) == 1


async def test_two_that_migrate_at_once_take_turns(postgres: PostgresDsn) -> None:
    url = PostgresDsn(str(postgres).rsplit("/", 1)[0] + "/test_two_at_once")
    async with database.connect(postgres) as pool, pool.connect() as db:
        await db.execution_options(isolation_level="AUTOCOMMIT")
        await db.execute(text("CREATE DATABASE test_two_at_once"))
        try:
            await asyncio.gather(*(migrate.migrate("catalog", url) for _ in range(2)))
        finally:
            await db.execute(text("DROP DATABASE test_two_at_once WITH (FORCE)"))


async def test_without_postgresql_it_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await migrate.migrate("catalog", PostgresDsn("postgresql://nobody@127.0.0.1:1/none"))
