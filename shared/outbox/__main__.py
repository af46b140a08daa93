"""Shows the events of a service that Kafka refused, and takes decisions.

An event that is refused for its own fault is set aside, and with it all later ones of its key,
until it is replayed, or discarded. Until then statistics are no newer than it.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from shared import database
from shared.database import Pool
from shared.errors import Unavailable
from shared.outbox import requests
from shared.outbox.requests import UnpublishedEvent
from shared.settings import DatabaseSettings, read

COMMANDS = {
    "letters": "show the events that were set aside, and why",
    "replay": "let the running service publish them again; wait for what comes of it",
    "discard": "give them up; those that wait behind them are published",
}
REPLAYED_WITHIN_S, POLL_S = 60, 0.5


class Settings(DatabaseSettings):
    """What the command reads from its environment: `NAME_DATABASE_URL`."""


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser("python -m shared.outbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        command.add_argument("service")
        command.add_argument("--key", type=str.encode, help="only of this key, as of a mailing")
    arguments = parser.parse_args()
    settings = read(Settings, f"{arguments.service.upper()}_")
    try:
        asyncio.run(_run(settings, arguments))
    except Unavailable as error:
        sys.exit(f"PostgreSQL cannot be reached: {error.__cause__}")


async def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    async with database.connect(settings.database_url) as pool:
        match arguments.command:
            case "letters":
                _show(await requests.events(pool, arguments.key))
            case "replay":
                await _replay(pool, arguments.key)
            case _:
                count = await requests.discard(pool, arguments.key)
                sys.stdout.write(f"discarded: {count}\n")


async def _replay(pool: Pool, key: bytes | None) -> None:
    """Ask for it, and wait until nothing is asked for any more."""
    before = len(await requests.events(pool, key))
    if not await requests.request_replay(pool, key):
        sys.exit("nothing is set aside there")
    left = await requests.events(pool, key)
    end = time.monotonic() + REPLAYED_WITHIN_S
    while any(each.is_requested for each in left) and time.monotonic() < end:
        await asyncio.sleep(POLL_S)
        left = await requests.events(pool, key)
    sys.stdout.write(f"published: {before - len(left)}, left: {len(left)}\n")
    _show(left)
    if any(each.is_requested for each in left):
        sys.exit("the service has not done it yet; does it run?")
    if left:
        sys.exit(1)


def _show(events: Sequence[UnpublishedEvent]) -> None:
    for each in events:
        key = "-" if each.key is None else each.key.decode(errors="backslashreplace")
        at = each.recorded_at.isoformat()
        sys.stdout.write(f"{at} {each.topic or '-'} {key}: {each.reason}\n")


if __name__ == "__main__":
    main()
