"""The command about events: what the topics hold, each event on a line."""

import asyncio
import sys
from contextlib import aclosing
from typing import Annotated, Any

import msgspec
import typer

from cli import Exit, Failure, address
from shared import kafka
from shared.contracts import TOPICS
from shared.errors import Unavailable
from shared.event import Received

app = typer.Typer(help="Events: what the topics of the log hold.", no_args_is_help=True)


@app.command("tail")
def tail_events(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Such as dispatcher.messages.")],
    *,
    last: Annotated[
        int, typer.Option("--last", min=0, help="How many records of each partition at most.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new ones until Ctrl-C.")
    ] = False,
) -> None:
    """Print the last events of a topic as lines of JSON; those of blocks one by one."""
    if topic not in TOPICS:
        message = f"There is no topic {topic!r}; there are {', '.join(sorted(TOPICS))}."
        raise Failure(message, Exit.USAGE)
    servers = address("KAFKA_SERVERS")
    try:
        asyncio.run(_print(servers, topic, last, is_endless=follow))
    except Unavailable:
        message = f"Kafka does not answer at {servers}, or it has no topic {topic} yet."
        raise Failure(message, Exit.UNAVAILABLE) from None


async def _print(servers: str, topic: str, last: int, *, is_endless: bool) -> None:
    async with aclosing(
        kafka.follow(servers, TOPICS[topic], last, is_endless=is_endless)
    ) as events:
        async for each in events:
            sys.stdout.buffer.write(msgspec.json.encode(_line(each)) + b"\n")
            sys.stdout.flush()


def _line(found: Received[Any] | kafka.Unreadable) -> dict[str, Any]:
    if isinstance(found, kafka.Unreadable):
        return {"unreadable": str(found)}
    return {
        "type": type(found.event).type_name(),
        "key": found.key,
        "event": msgspec.Raw(found.event.json()),
    }
