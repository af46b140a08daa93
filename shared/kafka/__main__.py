"""Shows how far a service's consumers are, and decides where one goes on that cannot go on.

A consumer stops where the log lacks what comes next: records were deleted before it had applied
them, or the topic was made anew. Nothing is jumped over until somebody has decided.
"""

import argparse
import asyncio
import sys

from pydantic import Field

from shared import database
from shared.database import Pool
from shared.errors import Unavailable
from shared.kafka.decisions import accept, survey
from shared.settings import DatabaseSettings, read


class Settings(DatabaseSettings):
    """What the command reads from its environment: `NAME_DATABASE_URL`, `KAFKA_SERVERS`."""

    kafka_servers: str = Field(validation_alias="KAFKA_SERVERS", description="host:port,host:port")


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser("python -m shared.kafka", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("positions", help="show positions beside the log's limits")
    shown.add_argument("service")
    moved = commands.add_parser("accept", help="move the lost positions of one consumer")
    moved.add_argument("service")
    moved.add_argument("consumer")
    moved.add_argument(
        "--to",
        choices=["start", "end"],
        default="start",
        help="of the log; start (the default) reads all there is again, which changes nothing",
    )
    arguments = parser.parse_args()
    settings = read(Settings, f"{arguments.service.upper()}_")
    try:
        asyncio.run(_run(settings, arguments))
    except Unavailable as error:
        sys.exit(f"Kafka or PostgreSQL cannot be reached: {error.__cause__}")


async def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    async with database.connect(settings.database_url) as pool:
        if arguments.command == "positions":
            await _show(pool, settings.kafka_servers)
        else:
            await _accept(pool, settings.kafka_servers, arguments)


async def _show(pool: Pool, servers: str) -> None:
    for each in await survey(pool, servers):
        topic, number = each.partition
        state = "LOST" if each.is_lost else f"{each.end - each.position} behind"
        line = f"{each.consumer} {topic}/{number} at {each.position} of {each.start}-{each.end}"
        sys.stdout.write(f"{line}: {state}\n")


async def _accept(pool: Pool, servers: str, arguments: argparse.Namespace) -> None:
    moved = await accept(pool, servers, arguments.consumer, arguments.to)
    if not moved:
        sys.exit(f"{arguments.consumer} has no lost positions")
    for each, position in moved:
        sys.stdout.write(f"{each}: goes on at {position}\n")


if __name__ == "__main__":
    main()
