"""The schema: whether a service's database exists and has every migration of this release."""

from asyncio import TaskGroup
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from shared import liveness, stops
from shared.database import Pool, autocommit, sql
from shared.database_errors import NotMigrated
from shared.errors import Unavailable
from shared.loop import Backoff, goes_on

ROOT = Path(__file__).parents[1]

DIGITS = 4  # of a migration's number, with which its file begins
VERSION_TABLES = {"shared": "alembic_version_shared", "service": "alembic_version"}


def migrations_of(service: str) -> dict[str, Path]:
    """Return the folders of the two histories of a service's database, by their version tables."""
    return {
        VERSION_TABLES["shared"]: ROOT / "shared" / "migrations",
        VERSION_TABLES["service"]: ROOT / "services" / service / "migrations",
    }


async def wait_until_migrated(service: str, pool: Pool) -> None:
    """Return when the database can be reached and has what this release needs, or more."""
    part, backoff = "database", Backoff("schema")
    with liveness.running("schema"):
        while goes_on():
            try:
                await _check(service, pool)
            except Unavailable as error:
                if isinstance(error.__cause__, NotMigrated):
                    stops.stopped(part, str(error.__cause__))
                await backoff.wait(error)
            else:
                break
    stops.resumed(part)
    backoff.succeeded()


async def run_when_migrated(
    service: str,
    pool: Pool,
    loops: Sequence[Coroutine[Any, Any, None]],
    *,
    once: Coroutine[Any, Any, None] | None = None,
) -> None:
    """Run `loops` as soon as the database has what they need, until cancelled.

    Before, wait for what else they need, if there is such a thing: until `once` returns.
    """
    try:
        await wait_until_migrated(service, pool)
        if once is not None:
            await once
    except BaseException:
        for each in (*loops, *([once] if once is not None else [])):
            each.close()
        raise
    async with TaskGroup() as tasks:
        for each in loops:
            tasks.create_task(each)


async def _check(service: str, pool: Pool) -> None:
    async with autocommit(pool) as db:
        for table, folder in migrations_of(service).items():
            applied = await db.scalar(sql("SELECT max(version_num) FROM {table}", table=table))
            needed = max(path.name[:DIGITS] for path in folder.glob(f"{'[0-9]' * DIGITS}_*.py"))
            if (applied or "") < needed:
                raise Unavailable from NotMigrated(
                    f"migration {needed} of {folder.parent.name} is missing"
                )
