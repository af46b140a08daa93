"""Stacks for tests, whose stores begin as copies of what the first stack of a run has made.

To make a data directory, to format one for Kafka, and to migrate four databases in processes of
their own takes most of the work of a start, and comes to the same each time.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import PostgresDsn

from deploy.local.part import Part
from deploy.local.postgres import url
from deploy.local.process import Command, run
from deploy.local.services import SERVICES
from deploy.local.stack import KAFKA, POSTGRES, Parts, Stack
from shared import migrate
from shared.kafka import topics

FOLDER = "TEST_PREPARED_STORES"  # names the folder that all workers of a run share


class PreparedStack(Stack):
    """A stack that behaves as one made from nothing, and is there with less work.

    Without the folder of a run it is made from nothing.
    """

    async def _stores(self, names: Parts) -> list[Part]:
        parts = await super()._stores(names)
        if FOLDER in os.environ:
            for part in parts:
                await self._copy_into_place(part)
        return parts

    async def _copy_into_place(self, part: Part) -> None:
        """Copy the data of a store into our home, unless it is there; the first one makes it."""
        prepared, own = Path(os.environ[FOLDER]) / part.name, self._directory(part.name)
        if own.exists():
            return
        async with _alone(prepared.with_suffix(".lock")):
            if not prepared.exists():
                await self._make(part)
                new = prepared.with_suffix(".new")
                await self._copy(own, new)
                new.rename(prepared)
                return
        own.parent.mkdir(exist_ok=True)
        await self._copy(prepared, own)

    def _directory(self, name: str) -> Path:
        """Return where a store keeps its data."""
        return self._postgres_data() / name if name == POSTGRES else self.home.data / name / name

    async def _make(self, part: Part) -> None:
        """Make our own data from nothing: a formatted folder, or the databases of all services."""
        if part.name == KAFKA:
            await part.prepare()
            return
        await self._supervisor.start_all([part])
        port = self._addresses.ports[POSTGRES]
        await _migrate({name: url(port, name) for name in SERVICES})
        await self._supervisor.stop_all([part.name])

    async def _copy(self, source: Path, target: Path) -> None:
        command = Command(
            arguments=["cp", "-pR", str(source), str(target)],
            log=self.home.log("copy"),
            environment=os.environ,
            folder=self.home.path,
        )
        await run("cp", command)

    async def _prepare_stores(self, names: Sequence[str]) -> None:
        if FOLDER not in os.environ:
            await super()._prepare_stores(names)
            return
        await _migrate({name: self.env[f"{name.upper()}_DATABASE_URL"] for name in names})
        given = {name: self.env.get(name.upper()) for name in topics.Settings.model_fields}
        wanted = topics.Settings.model_validate({k: v for k, v in given.items() if v is not None})
        await topics.create(
            wanted.kafka_servers,
            partitions=wanted.topic_partitions,
            replicas=wanted.topic_replicas,
            lag=wanted.topic_compaction_lag,
        )


async def _migrate(urls: Mapping[str, str]) -> None:
    """Bring the databases of services up to date, as `python -m shared.migrate` does."""
    for service, address in urls.items():
        await migrate.migrate(service, PostgresDsn(address))


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """Keep all other processes that ask for this lock waiting."""
    with path.open("ab") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
