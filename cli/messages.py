"""The commands about messages: the ledger of the dispatcher, in lists and one by one."""

import re
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from typer.core import TyperCommand

from cli import Output
from cli.api import PAGE, Api, run
from cli.render import Format, Json, facts, grid, instant, one_line, say_more, show

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


@app.command("list")
def list_messages(
    run_id: Annotated[UUID | None, typer.Option("--run", help="Only of this run.")] = None,
    client_id: Annotated[UUID | None, typer.Option("--client", help="Only to this one.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those there.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    output: Format = Output.TABLE,
) -> None:
    """List messages, each with the time of its last attempt."""
    having = {"run_id": run_id, "client_id": client_id, "status": status}

    async def work(api: Api) -> tuple[list[Json], bool]:
        if run_id is None and client_id is None:
            return await _of_all_runs(api, having, limit)
        return await api.items("dispatcher", "/v1/messages", having, limit)

    found, has_more = run(work)
    show(output, found, lambda: _messages_table(found))
    say_more(limit, has_more=has_more)


async def _of_all_runs(api: Api, having: Json, limit: int) -> tuple[list[Json], bool]:
    """Return messages run by run: the ledger is asked for those of one run at a time."""
    found: list[Json] = []
    runs, has_more = await api.items("dispatcher", "/v1/runs", {}, PAGE)
    for at, each in enumerate(runs, start=1):
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


@app.command("show", cls=_ByMessageId)
def show_message(
    message_id: Annotated[str, typer.Argument(help="43 characters, as `list` shows them.")],
    output: Format = Output.TABLE,
) -> None:
    """Show one message with all its attempts and the gateway's answers."""
    if not MESSAGE_ID.fullmatch(message_id):
        raise typer.BadParameter("an identifier of a message has 43 letters, digits, - and _")
    found = run(lambda api: api.get("dispatcher", f"/v1/messages/{message_id}"))
    show(output, found, lambda: _message_table(found))


def _messages_table(found: list[Json]) -> RenderableType:
    columns = ("message", "client", "status", "attempts", "last attempt", "next attempt", "reason")
    rows = (
        [
            each["message_id"],
            each["client_id"],
            each["status"],
            each["attempts"],
            instant(each["last_attempt_at"]),
            instant(each["next_attempt_at"]),
            each["reason"],
        ]
        for each in found
    )
    return grid(columns, rows)


def _message_table(found: Json) -> RenderableType:
    about = facts([
        ("message", found["message_id"]),
        ("mailing", found["mailing_id"]),
        ("run", found["run_id"]),
        ("client", found["client_id"]),
        ("status", found["status"]),
        ("reason", found["reason"]),
        ("attempts", found["attempts"]),
        ("last attempt", instant(found["last_attempt_at"])),
        ("next attempt", instant(found["next_attempt_at"])),
    ])  # fmt: skip
    attempts = found["attempts_log"]
    if not attempts:
        return about
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
    return Group(about, Text(), grid(columns, (_attempt(each) for each in attempts)))


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
