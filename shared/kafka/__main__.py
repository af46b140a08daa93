"""Shows how far a service's consumers are and what they could not apply, and takes decisions.

A consumer stops where the log lacks what comes next: records were deleted before it had applied
them, or the topic was made anew. Nothing is jumped over until somebody has decided (`accept`).
A record that cannot be applied is set aside, and with it all later ones of its mailing, until it
is replayed, or discarded.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from shared import database
from shared.database import Pool
from shared.errors import Unavailable
from shared.kafka import requests
from shared.kafka.decisions import accept, survey
from shared.kafka.requests import Choice, StoredLetter
from shared.setting_values import Servers
from shared.settings import DatabaseSettings, read


class Settings(DatabaseSettings):
    """What the command reads from its environment: `NAME_DATABASE_URL`, `KAFKA_SERVERS`."""

    kafka_servers: Servers = Field(
        validation_alias="KAFKA_SERVERS", description="host:port,host:port"
    )


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
    for name, what in LETTER_COMMANDS.items():
        command = commands.add_parser(name, help=what)
        command.add_argument("service")
        command.add_argument("--consumer", help="only of this one")
        command.add_argument("--key", type=UUID, help="only of this mailing")
    arguments = parser.parse_args()
    settings = read(Settings, f"{arguments.service.upper()}_")
    try:
        asyncio.run(_run(settings, arguments))
    except Unavailable as error:
        sys.exit(f"Kafka or PostgreSQL cannot be reached: {error.__cause__}")


async def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    async with database.connect(settings.database_url) as pool:
        match arguments.command:
            case "positions":
                await _show(pool, settings.kafka_servers)
            case "accept":
                await _accept(pool, settings.kafka_servers, arguments)
            case "letters":
                _show_letters(await requests.letters(pool, _choice(arguments)))
            case "replay":
                await _replay(pool, _choice(arguments))
            case _:
                count = await requests.discard(pool, _choice(arguments))
                sys.stdout.write(f"discarded: {count}\n")


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


LETTER_COMMANDS = {
    "letters": "show the records that were set aside, and why",
    "replay": "let the running service apply them again; wait for what comes of it",
    "discard": "give them up; those that wait behind them are applied",
}
REPLAYED_WITHIN_S, POLL_S = 60, 0.5


def _choice(arguments: argparse.Namespace) -> Choice:
    return Choice(arguments.consumer, arguments.key)


async def _replay(pool: Pool, choice: Choice) -> None:
    """Request a replay; wait until no letter is requested, or held back behind one, any more."""
    before = len(await requests.letters(pool, choice))
    if not await requests.request_replay(pool, choice):
        sys.exit("nothing is set aside there")
    left = await requests.letters(pool, choice)
    end = time.monotonic() + REPLAYED_WITHIN_S
    while any(each.is_requested for each in left) and time.monotonic() < end:
        await asyncio.sleep(POLL_S)
        left = await requests.letters(pool, choice)
    sys.stdout.write(f"applied: {before - len(left)}, left: {len(left)}\n")
    _show_letters(left)
    if any(each.is_requested for each in left):
        sys.exit("the service has not done it yet; does it run?")
    if left:
        sys.exit(1)


def _show_letters(letters: Sequence[StoredLetter]) -> None:
    for each in letters:
        place = f"{each.topic}/{each.partition}/{each.offset}"
        sys.stdout.write(f"{each.consumer} {place} {each.key or '-'}: {each.reason}\n")


if __name__ == "__main__":
    main()
