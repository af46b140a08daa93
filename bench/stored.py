"""The bytes that messages take at rest, in Kafka and in PostgreSQL."""

from dataclasses import dataclass

import asyncpg

from bench.rig import Rig

TOPICS = ("dispatcher.messages", "dispatcher.runs")
DATABASES = ("dispatcher", "stats")
# Of everything that is a message's own; what the outbox has held is free again for the next run.
TABLES = ("blocks", "chunks", "exceptions", "attempts", "starts", "messages")
SIZES = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::float8 FROM pg_class
    WHERE relkind = 'r' AND relname = ANY($1) AND relnamespace = 'public'::regnamespace
"""
OUTBOX = "SELECT pg_total_relation_size('outbox')::float8"
MB = 1_000_000


@dataclass(frozen=True)
class Stored:
    """What is stored now, in MB (10^6 bytes)."""

    kafka_mb: float  # segments of the topics on which the dispatcher publishes
    postgres_mb: float  # ledger and statistics with their indexes
    outbox_mb: float  # the file of the dispatcher's outbox, most of it free

    def since(self, before: "Stored", messages: int) -> "Stored":
        """Return what came to be since `before`, for a million of so many `messages`."""
        factor = 1_000_000 / messages
        return Stored(
            round((self.kafka_mb - before.kafka_mb) * factor, 1),
            round((self.postgres_mb - before.postgres_mb) * factor, 1),
            round((self.outbox_mb - before.outbox_mb) * factor, 1),
        )


async def stored(rig: Rig) -> Stored:
    """Look at what is stored now."""
    logs = (rig.home.data / "kafka").glob("**/*.log")
    kafka = sum(each.stat().st_size for each in logs if each.parent.name.startswith(TOPICS))
    sizes = [await _size(rig, name, SIZES, list(TABLES)) for name in DATABASES]
    outbox = await _size(rig, "dispatcher", OUTBOX)
    return Stored(kafka / MB, sum(sizes) / MB, outbox / MB)


async def _size(rig: Rig, database: str, query: str, *values: object) -> float:
    db = await asyncpg.connect(rig.stack.env[f"{database.upper()}_DATABASE_URL"])
    try:
        return float(await db.fetchval(query, *values))
    finally:
        await db.close()
