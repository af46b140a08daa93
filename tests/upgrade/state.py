"""A state: the four databases, the log and the gateway's ledger of one moment, as a file.

`make.py` saves one, `restore` brings it back into stores of its own. Records keep their offsets
and timestamps, so that the positions in the databases fit.
"""

import asyncio
import io
import tarfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from sqlalchemy import make_url

from deploy.local.home import Home
from deploy.local.packages import postgres_binaries
from deploy.local.services import SERVICES

Json: TypeAlias = dict[str, Any]

FOLDER = Path(__file__).parent / "states"


class LoggedRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record as the log has it; those of a partition are in order, from offset 0 on."""

    topic: str
    partition: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class State:
    """Everything that was there at one moment, and what was answered about it then."""

    facts: Json  # when it was saved, with how many partitions, and what it holds
    databases: Mapping[str, bytes]  # plain SQL of pg_dump, by service
    log: list[LoggedRecord]
    gateway_ledger: bytes
    reads: Json  # see `reads.py`

    @property
    def saved_at(self) -> datetime:
        """The business time at which everything stopped."""
        return datetime.fromisoformat(self.facts["saved_at"])

    def save(self, name: str) -> Path:
        """Write the state to a file of its own; return its path."""
        files = {f"{service}.sql": dump for service, dump in self.databases.items()}
        files |= {
            "facts.json": msgspec.json.encode(self.facts),
            "log.msgpack": msgspec.msgpack.encode(self.log),
            "gateway.ledger": self.gateway_ledger,
            "reads.json": msgspec.json.encode(self.reads),
        }
        path = FOLDER / f"{name}.tar.xz"
        with tarfile.open(path, "w:xz", preset=9) as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(file)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path


def load(path: Path) -> State:
    """Read a state from its file."""
    with tarfile.open(path) as archive:
        files = {
            member.name: content.read()
            for member in archive
            if (content := archive.extractfile(member)) is not None
        }
    return State(
        facts=msgspec.json.decode(files["facts.json"]),
        databases={service: files[f"{service}.sql"] for service in SERVICES},
        log=msgspec.msgpack.decode(files["log.msgpack"], type=list[LoggedRecord]),
        gateway_ledger=files["gateway.ledger"],
        reads=msgspec.json.decode(files["reads.json"]),
    )


async def dump_database(url: str) -> bytes:
    """Return a database as SQL: schema and rows."""
    return await _postgres_tool("pg_dump", "--no-owner", "--no-privileges", url)


async def restore(state: State, urls: Mapping[str, str], servers: str) -> None:
    """Make the databases anew, fill a new Kafka; business time goes on from where it stopped."""
    await asyncio.gather(
        *(_restore_database(state, service, url) for service, url in urls.items()),
        _restore_log(state, servers),
    )


async def _restore_database(state: State, service: str, url: str) -> None:
    target = make_url(url)
    server = target.set(database="postgres").render_as_string(hide_password=False)
    db = await asyncpg.connect(server)
    await db.execute(f'DROP DATABASE IF EXISTS "{target.database}"')
    await db.execute(f'CREATE DATABASE "{target.database}"')
    await db.close()
    options = ("--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", url)
    await _postgres_tool("psql", *options, stdin=state.databases[service])
    db = await asyncpg.connect(url)
    await db.execute(
        "UPDATE clock SET shift = $1::timestamptz - clock_timestamp()", state.saved_at
    )
    await db.close()


async def _restore_log(state: State, servers: str) -> None:
    by_partition: dict[tuple[str, int], list[LoggedRecord]] = defaultdict(list)
    for record in state.log:
        by_partition[record.topic, record.partition].append(record)
    async with AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True) as producer:
        await asyncio.gather(
            *(_refill(producer, *each, records) for each, records in by_partition.items())
        )


async def _refill(
    producer: AIOKafkaProducer, topic: str, partition: int, records: list[LoggedRecord]
) -> None:
    """Write all records of an empty partition, in order."""
    done = 0
    while done < len(records):
        batch = producer.create_batch()
        count = 0
        for each in records[done:]:
            fields = {"timestamp": each.timestamp_ms, "key": each.key, "value": each.value}
            if batch.append(**fields, headers=each.headers) is None:
                break
            count += 1
        batch.close()
        written = await (await producer.send_batch(batch, topic, partition=partition))
        assert written.offset == done, f"{topic} {partition} was not empty"
        done += count


async def _postgres_tool(name: str, *arguments: str, stdin: bytes = b"") -> bytes:
    program = postgres_binaries(Home(FOLDER), None) / name
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    output, errors = await process.communicate(stdin)
    assert process.returncode == 0, errors.decode()
    return output
