"""Migrations: `python -m shared.migrate catalog …` brings the services' databases up to date.

Forward only. Each database has two histories: what every service has (`shared/migrations`) and
what its own service has (`services/NAME/migrations`).
"""

import asyncio
import sys
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import PostgresDsn
from sqlalchemy import Connection, make_url, text

from shared import database
from shared.database_errors import NotMigrated
from shared.errors import Unavailable
from shared.schema import migrations_of
from shared.settings import DatabaseSettings, read

LOCK = 7_206_945  # an arbitrary number that means "migrating"; advisory, one at a time


async def migrate(service: str, url: PostgresDsn) -> None:
    """Create the database of `service` if it is missing, and apply what it lacks.

    Raises:
        Unavailable: PostgreSQL cannot be reached.
    """
    await _create_database(url)
    async with database.connect(url) as pool, database.transaction(pool) as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        for table, folder in migrations_of(service).items():
            await db.run_sync(_upgrade, folder, table)


async def _create_database(url: PostgresDsn) -> None:
    """Create the database unless it is there; who only has rights in it needs no others."""
    try:
        async with database.connect(url) as pool:
            await database.ping(pool)
            return
    except Unavailable as error:
        if not isinstance(error.__cause__, NotMigrated):
            raise
    wanted = make_url(str(url))
    server = PostgresDsn(wanted.set(database="postgres").render_as_string(hide_password=False))
    async with database.connect(server) as pool, database.autocommit(pool) as db:
        await db.execute(text(f'CREATE DATABASE "{wanted.database}"'))


def _upgrade(connection: Connection, folder: Path, version_table: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("version_locations", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)

    def to_head(revision: object, _: MigrationContext) -> object:
        return script._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001 - what `alembic upgrade` itself calls

    with EnvironmentContext(config, script, fn=to_head) as environment:
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()


def main() -> None:
    """Migrate the services that are named; each needs NAME_DATABASE_URL."""
    services = sys.argv[1:]
    if not services:
        sys.exit("usage: python -m shared.migrate SERVICE...")
    urls = {name: read(DatabaseSettings, f"{name.upper()}_").database_url for name in services}
    for service, url in urls.items():
        try:
            asyncio.run(migrate(service, url))
        except Unavailable as error:
            sys.exit(f"PostgreSQL of {service} cannot be reached: {error.__cause__}")
        sys.stdout.write(f"{service}: up to date\n")


if __name__ == "__main__":
    main()
