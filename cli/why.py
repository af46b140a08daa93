"""The command that says why a run, or a mailing, stands where it does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.naming import read_mailing
from cli.render import Format, Json, duration, facts, instant, printable, show

app = typer.Typer()

OVER = ("ended", "archived")  # codes of runs with which nothing will happen any more


@app.command("why")
def say_why(
    identifier: Annotated[
        UUID,
        typer.Argument(
            parser=read_mailing, metavar="ID", help="Of a run, or a mailing's, or its name."
        ),
    ],
    output: Format = Output.TABLE,
) -> None:
    """Say why a run is not moving, or how fast it is; of a mailing, why its newest run is not."""
    found = run(lambda api: _why(api, identifier))
    show(output, found, lambda: _table(found))


async def _why(api: Api, identifier: UUID) -> Json:
    """Return why a run stands where it does, which is named, or is the newest of a mailing.

    Raises:
        Failure: There is neither such a run nor such a mailing, or a service is not there.
    """
    try:
        return await api.get("dispatcher", f"/v1/runs/{identifier}/why")
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
    runs = await api.get("dispatcher", "/v1/runs", {"mailing_id": identifier, "limit": 1})
    newest: Json | None = None
    if runs["items"]:
        newest = await api.get("dispatcher", f"/v1/runs/{runs['items'][0]['run_id']}/why")
        if newest["code"] not in OVER:
            return newest
    try:
        mailing = await api.get("catalog", f"/v1/mailings/{identifier}")
        return await _next_run(api, mailing) or newest or _without_run(mailing)
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
    if newest is not None:
        return newest  # of a mailing that was deleted
    raise Failure(
        "No run and no mailing has this identifier.\n"
        "  What to do: `./mailings runs list` and `./mailings mailings list` show what there is.",
        Exit.NOT_FOUND,
    )


async def _next_run(api: Api, mailing: Json) -> Json | None:
    """Return when a mailing that recurs runs next; None if it does not."""
    if not mailing.get("schedule") or mailing["status"] in ("stopped", "finished"):
        return None
    schedule = await api.get("scheduler", f"/v1/schedules/{mailing['mailing_id']}")
    if schedule["next_fire_at"] is None:
        return None
    at = schedule["next_fire_at"]
    paused = "; it is paused, so that run will wait" if mailing["status"] == "paused" else ""
    return {
        "run_id": None,
        "mailing_id": mailing["mailing_id"],
        "code": "not_begun",
        "sentence": f"It recurs: the next run begins at {instant(at)}{paused}.",
        "nominal": schedule["next_nominal"],
        "until": at,
    }


def _without_run(mailing: Json) -> Json:
    """Return why a mailing has no run, in the form of an answer about a run."""
    code, sentence, until = _reason(mailing)
    return {
        "run_id": None,
        "mailing_id": mailing["mailing_id"],
        "code": code,
        "sentence": sentence,
        "until": until,
    }


def _reason(mailing: Json) -> tuple[str, str, str | None]:
    starts_at = mailing["starts_at"]
    if mailing["missed_reason"]:
        return "missed", f"Its run was missed: {mailing['missed_reason']}.", None
    match mailing["status"]:
        case "stopped":
            return "stopped", "It was stopped before it had a run.", None
        case "paused":
            return "paused", "It is paused, and has no run yet.", None
        case "created" if datetime.fromisoformat(starts_at) > datetime.now(UTC):
            return "not_begun", f"It begins at {instant(starts_at)}.", starts_at
        case "created":
            return "not_begun", "Its start has come; its run has not begun yet.", None
        case status:
            return "not_heard", f"It is {status}; the dispatcher has not read its run yet.", None


def _table(found: Json) -> RenderableType:
    sentence = Text(printable(found["sentence"]), style="bold")
    return Group(sentence, Text(), facts(_facts(found)))


def _facts(found: Json) -> Iterator[tuple[str, object]]:
    """Yield what there is beside the sentence; what is not known is left out."""
    for name, value in found.items():
        match name:
            case "sentence" | "as_of":
                continue
            case _ if value is None:
                continue
            case "until":
                yield name, instant(value)
            case "left_s" | "behind_s":
                yield name.removesuffix("_s"), duration(value)
            case "rate_per_s":
                yield "rate", f"{value:,.1f}/s"
            case _:
                yield name, value
