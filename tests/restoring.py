"""Backups: a copy of a database, made in a moment, that takes its place again later."""

from pydantic import PostgresDsn
from sqlalchemy import make_url, text

from shared import database


async def back_up(url: PostgresDsn) -> None:
    """Copy a database; whoever is connected to it is thrown out."""
    name = make_url(str(url)).database
    await _execute(
        url,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        f'CREATE DATABASE "{name}_backup" TEMPLATE "{name}" ALLOW_CONNECTIONS true',
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true',
    )


async def restore(url: PostgresDsn) -> None:
    """Put the copy into the place of the database; whoever is connected is thrown out."""
    name = make_url(str(url)).database
    await _execute(
        url,
        f'DROP DATABASE "{name}" WITH (FORCE)',
        f'ALTER DATABASE "{name}_backup" RENAME TO "{name}"',
    )


async def _execute(url: PostgresDsn, *statements: str) -> None:
    server = make_url(str(url)).set(database="postgres")
    dsn = PostgresDsn(server.render_as_string(hide_password=False))
    async with database.connect(dsn) as pool, pool.connect() as db:
        await db.execution_options(isolation_level="AUTOCOMMIT")
        for each in statements:
            await db.execute(text(each))
