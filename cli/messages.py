"""The commands about messages: the ledger of the dispatcher, in lists and one by one."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from typer.core import TyperCommand

from cli import Output, read_id
from cli.api import PAGE, Api, run
from cli.names import client_phones, mailing_names
from cli.options import By, account
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, one_line, show

app = typer.Typer(help="Messages: what became of each.", no_args_is_help=True)

MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class Status(StrEnum):
    """Where a message is; all but the first two are final."""

    PLANNED = "planned"
    RETRY = "retry"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNDETERMINED = "undetermined"
    SUPPRESSED = "suppressed"


class Names(NamedTuple):
    """What people call the clients and mailings of messages, by identifier."""

    phones: Mapping[str, str] = MappingProxyType({})
    mailings: Mapping[str, str] = MappingProxyType({})


@app.command("list")
def list_messages(
    *,
    run_id: Annotated[
        UUID | None, typer.Option("--run", parser=read_id, help="Only of this run.")
    ] = None,
    client_id: Annotated[
        UUID | None, typer.Option("--client", parser=read_id, help="Only to this one.")
    ] = None,
    status: Annotated[Status | None, typer.Option(help="Only those there.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List messages, those of the newest run first, each with the time of its last attempt."""
    having = {"run_id": run_id, "client_id": client_id, "status": status}

    async def work(api: Api) -> tuple[tuple[list[Json], bool], Names]:
        if run_id is not None:
            await api.get("dispatcher", f"/v1/runs/{run_id}")  # an unknown one is an error
        if run_id is None and client_id is None:
            found = await _of_all_runs(api, having, limit)
        else:
            found = await api.items("dispatcher", "/v1/messages", having, limit)
        is_table = output is Output.TABLE and not quiet
        return found, await names_of(api, found[0]) if is_table else Names()

    found, names = run(work)
    listing = Listing("message_id", "such messages" if status else "messages", found)
    listing.show(output, lambda: _messages_table(listing.items, names), quiet=quiet)


async def names_of(api: Api, found: list[Json]) -> Names:
    """Return what people call the clients and mailings of these messages."""
    return Names(await client_phones(api, found), await mailing_names(api, found))


async def _of_all_runs(api: Api, having: Json, limit: int) -> tuple[list[Json], bool]:
    """Return messages run by run: the ledger is asked for those of one run at a time."""
    found: list[Json] = []
    runs, has_more = await api.items("dispatcher", "/v1/runs", {}, PAGE)
    for at, each in enumerate(runs, start=1):
        if each.get("state") == "archived":  # its messages are gone
            continue
        left = limit - len(found)
        more = {**having, "run_id": each["run_id"]}
        messages, goes_on = await api.items("dispatcher", "/v1/messages", more, left)
        found += messages
        if len(found) >= limit:
            return found, has_more or goes_on or at < len(runs)
    return found, has_more


class _ByMessageId(TyperCommand):
    """A command whose argument may begin with a dash, as one identifier in 64 does."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        ids = [each for each in args if MESSAGE_ID.fullmatch(each)]
        rest = [each for each in args if each not in ids and each != "--"]
        return super().parse_args(ctx, [*rest, "--", *ids] if ids else args)


class Outcome(StrEnum):
    """What may have become of a message that nobody knows of."""

    DELIVERED = "delivered"
    FAILED = "failed"


@app.command("resolve", cls=_ByMessageId)
def resolve_message(
    message_id: Annotated[str, typer.Argument(help="43 characters, as `list` shows them.")],
    *,
    outcome: Annotated[Outcome, typer.Option("--as", help="What became of it.")],
    reason: Annotated[str, typer.Option(help="How you know.")],
    by: By = None,
    output: Format = Output.TABLE,
) -> None:
    """Say what became of an undetermined message; statistics and totals follow."""
    path = f"{_path(message_id)}/resolve"
    body = {"outcome": outcome.value, "reason": reason, "by": by or account()}
    _show(lambda api: api.post("dispatcher", path, body), output)


@app.command("show", cls=_ByMessageId)
def show_message(
    message_id: Annotated[str, typer.Argument(help="43 characters, as `list` shows them.")],
    output: Format = Output.TABLE,
) -> None:
    """Show one message with all its attempts and the gateway's answers."""
    path = _path(message_id)
    _show(lambda api: api.get("dispatcher", path), output)


def _path(message_id: str) -> str:
    """Return the path of a message.

    Raises:
        typer.BadParameter: The identifier is none.
    """
    if not MESSAGE_ID.fullmatch(message_id):
        raise typer.BadParameter("an identifier of a message has 43 letters, digits, - and _")
    return f"/v1/messages/{message_id}"


def _show(ask: Callable[[Api], Awaitable[Json]], output: Output) -> None:
    """Show the message that a service answers with."""

    async def work(api: Api) -> tuple[Json, Names]:
        found = await ask(api)
        return found, await names_of(api, [found]) if output is Output.TABLE else Names()

    found, names = run(work)
    show(output, found, lambda: _message_table(found, names))


def _messages_table(found: Sequence[Json], names: Names) -> RenderableType:
    columns = (
        "message_id", "to", "mailing", "status", "attempts", "last attempt", "next attempt",
        "reason",
    )  # fmt: skip
    rows = (
        [
            each["message_id"],
            _recipient(each, names),
            _mailing(each, names),
            each["status"],
            each["attempts"],
            instant(each["last_attempt_at"]),
            instant(each["next_attempt_at"]),
            each["reason"],
        ]
        for each in found
    )
    return grid(columns, rows)


def _recipient(message: Json, names: Names) -> str:
    return names.phones.get(message["client_id"], message["client_id"])


def _mailing(message: Json, names: Names) -> str:
    return names.mailings.get(message["mailing_id"], message["mailing_id"])


def _message_table(found: Json, names: Names) -> RenderableType:
    about = facts([
        ("message_id", found["message_id"]),
        ("to", _recipient(found, names)),
        ("mailing", _mailing(found, names)),
        ("mailing_id", found["mailing_id"]),
        ("run_id", found["run_id"]),
        ("client_id", found["client_id"]),
        ("status", found["status"]),
        ("reason", found["reason"]),
        ("attempts", found["attempts"]),
        ("last attempt", instant(found["last_attempt_at"])),
        ("next attempt", instant(found["next_attempt_at"])),
    ])  # fmt: skip
    attempts = found["attempts_log"]
    return Group(about, Text(), attempts_table(attempts)) if attempts else about


def attempts_table(attempts: Sequence[Json]) -> RenderableType:
    """Return attempts as a table."""
    columns = (
        "attempt",
        "kind",
        "started",
        "outcome",
        "code",
        "reason",
        "took",
        "gateway's id",
        "answer",
    )
    return grid(columns, (_attempt(each) for each in attempts))


def _attempt(attempt: Json) -> list[object]:
    latency_ms = attempt["latency_ms"]
    code = attempt["status_code"]
    return [
        attempt["attempt"],
        attempt["kind"],
        instant(attempt["started_at"]),
        attempt["outcome"],
        None if code is None else str(code),
        attempt["reason"],
        None if latency_ms is None else f"{latency_ms:,.1f} ms",
        attempt["gateway_message_id"],
        one_line(attempt["answer"]),
    ]
