"""The commands about letters: what a service could not apply, or could not publish."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from cli import Output
from cli.api import Api, run
from cli.options import account
from cli.render import Format, Json, Listing, Quiet, grid, instant, note
from deploy.local.services import SERVICES

app = typer.Typer(
    help="Letters: records that could not be applied, and events that Kafka refused.",
    no_args_is_help=True,
)


class Kind(StrEnum):
    """What is meant."""

    RECORDS = "records"
    EVENTS = "events"


PATHS = {Kind.RECORDS: "/v1/dead-letters", Kind.EVENTS: "/v1/outbox/unpublished"}
Service = StrEnum("Service", {each.upper(): each for each in SERVICES})  # type: ignore[misc] # as typer wants it

OfService = Annotated[Service, typer.Argument(help="Where they are.")]
Which = Annotated[
    Kind, typer.Argument(help="Records that it could not apply, or events that Kafka refused.")
]
Key = Annotated[str | None, typer.Option(help="Only of this key, as of a mailing.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is in the service's log.")]
By = Annotated[str | None, typer.Option(help="Who decides. Default: your account.")]


@app.command("list")
def list_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, of each service.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List what waits for a decision, of all services."""
    found = run(lambda api: _letters(api, limit))
    has_more = any(more for _, more in found)
    listing = Listing("key", "letters", ([each for some, _ in found for each in some], has_more))
    columns = ("service", "kind", "since", "topic", "key", "reason", "state")
    rows = (
        [
            each["service"],
            each["kind"],
            instant(each["recorded_at"]),
            each["topic"],
            each["key"],
            each["reason"],
            _state(each),
        ]
        for each in listing.items
    )
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("replay")
def replay_letters(
    service: OfService, kind: Which, *, reason: Why, key: Key = None, by: By = None
) -> None:
    """Try them again, soon and in order; what fails again stays."""
    count = _decide("replay", service, kind, {"reason": reason, "key": key, "by": by})
    note(f"{count:,} are tried again; `./mailings letters list` shows what is left.")


@app.command("discard")
def discard_letters(
    service: OfService, kind: Which, *, reason: Why, key: Key = None, by: By = None
) -> None:
    """Give them up, for good; what waits behind them goes on."""
    count = _decide("discard", service, kind, {"reason": reason, "key": key, "by": by})
    note(f"{count:,} are given up.")


def _decide(what: str, service: Service, kind: Kind, body: Json) -> int:
    body = {name: value for name, value in body.items() if value is not None}
    named = {"by": name} if (name := account()) else {}
    path = f"{PATHS[kind]}/{what}"
    done = run(lambda api: api.post(service.value, path, named | body))
    return int(done["count"])


async def _letters(api: Api, limit: int) -> list[tuple[list[Json], bool]]:
    async def of(service: str, kind: Kind) -> tuple[list[Json], bool]:
        items, has_more = await api.items(service, PATHS[kind], {}, limit)
        return [{"service": service, "kind": kind.value, **each} for each in items], has_more

    return await asyncio.gather(*(of(service, kind) for service in SERVICES for kind in Kind))


def _state(letter: Json) -> str:
    if letter["is_requested"]:
        return "is tried again"
    return "waits behind another" if letter["is_held"] else "waits for a decision"
