"""The figures: how many messages are in which status, as of when, and whether it adds up."""

from collections.abc import Callable, Iterator
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.naming import read_mailing
from cli.render import Format, Grid, Json, facts, grid, instant, show
from cli.statistics.series import series_of, series_table

app = typer.Typer()

OPEN = ("planned", "retry")  # statuses of messages that still have a way to go

FINAL = ("delivered", "failed", "expired", "cancelled", "undetermined", "suppressed")
STATUSES = (*OPEN, *FINAL)


@app.command()
def stats(
    of: Annotated[
        UUID | None,
        typer.Argument(
            parser=read_mailing,
            metavar="[ID]",
            help="Of a mailing or a run, or a mailing's name; all without it.",
        ),
    ] = None,
    *,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Count every message anew, and compare.")
    ] = False,
    output: Format = Output.TABLE,
) -> None:
    """Show how many messages are in which status, as of when, and if asked, whether it adds up.

    Of a mailing or a run also over time: when they reached the status that they are in.
    """
    found = run(lambda api: _figures(api, of, reconcile=reconcile))
    show(output, found, lambda: _figures_table(found))


async def _figures(api: Api, of: UUID | None, *, reconcile: bool) -> Json:
    """Return the figures, and if asked, whether they reconcile: that counts every message."""
    if of is None:
        found, which = await api.get("stats", "/v1/totals"), {}
    elif (mailing := await mailing_figures(api, of)) is not None:
        found, which = mailing, {"mailing_id": of}
    else:
        found, which = await _run_figures(api, of), {"run_id": of}
    if of is not None and (mailing_id := found.get("mailing_id")) is not None:
        found = {**found, "series": await series_of(api, mailing_id, found.get("run_id"))}
    if not reconcile:
        return found
    return {**found, "reconcile": await api.get("stats", "/v1/reconcile", which)}


async def mailing_figures(api: Api, mailing_id: UUID | str) -> Json | None:
    """Return the figures of a mailing; None when none of its runs is known there (yet)."""
    try:
        return await api.get("stats", f"/v1/mailings/{mailing_id}")
    except Failure as failure:
        if failure.code is Exit.NOT_FOUND:
            return None
        raise


async def _run_figures(api: Api, run_id: UUID) -> Json:
    """Return the figures of a run.

    Raises:
        Failure: It is not known (yet).
    """
    try:
        return await api.get("stats", f"/v1/runs/{run_id}")
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
        message = (
            f"There are no figures of {run_id}: it is no run, and no mailing that has begun.\n"
            "  What to do: `./mailings mailings list` shows what there is, and when it starts."
        )
        raise Failure(message, Exit.NOT_FOUND) from None


def _figures_table(found: Json) -> RenderableType:
    statuses = _statuses(found)
    proof = found.get("reconcile")
    names = ("mailings", "mailing_id", "run_id")
    about = facts([
        *((name, found[name]) for name in names if name in found),
        *resend_facts(found),
        ("planned", found["planned"]),
        ("attempts", found["attempts"]),
        ("as of", as_of(found, instant)),
        *([("reconciles", proof["reconciles"])] if proof else []),
    ])  # fmt: skip
    parts: list[RenderableType] = [about, Text(), statuses]
    if isinstance(found.get("runs"), list) and found["runs"]:
        parts += [Text(), _runs_table(found["runs"])]
    if (series := found.get("series")) and (over_time := series_table(series)):
        parts += [Text(f"\nrun {series['run_id']} over time:"), over_time]
    if proof and not proof["reconciles"]:
        parts += [Text(), _differences(proof["runs"])]
    return Group(*parts)


def resend_facts(found: Json) -> Iterator[tuple[str, object]]:
    """Yield of which run this one is a resend, and what all of them add up to."""
    if found.get("resend_of"):
        yield "resend of", found["resend_of"]
    if found.get("resent_as"):
        yield "resent as", found["resent_as"]
    if union := found.get("union"):
        for name, sums in (("messages", union["messages"]), ("clients", union["recipients"])):
            counts = sums["by_status"]
            parts = ", ".join(f"{status} {count:,}" for status, count in counts.items() if count)
            yield f"{name} of {union['runs']} runs", f"{sum(counts.values()):,}: {parts}"


def _statuses(found: Json) -> Grid:
    """Return the messages by status, and the clients if something was resent to some of them."""
    recipients = found.get("recipients")
    if not recipients or recipients["by_status"] == found["by_status"]:
        return grid(("status", "messages", "share"), _shares(found))
    clients = recipients["by_status"]
    rows = ([*row, clients.get(row[0], 0)] for row in _shares(found))
    return grid(("status", "messages", "share", "clients"), rows)


def _shares(found: Json) -> Iterator[list[object]]:
    planned = found["planned"]
    for status, count in found["by_status"].items():
        yield [status, count, f"{100 * count / planned:.2f} %" if planned else None]


def _runs_table(runs: list[Json]) -> Grid:
    columns = ("run_id", "planned", "delivered", "open", "attempts", "scheduled", "finished")
    rows = (
        [
            each["run_id"],
            each["planned"],
            each["by_status"]["delivered"],
            open_of(each),
            each["attempts"],
            instant(each["scheduled_at"]),
            instant(each["finished_at"]),
        ]
        for each in runs
    )
    return grid(columns, rows)


def _differences(runs: list[Json]) -> Grid:
    columns = ("run_id", "planned", "sum_of_statuses", "attempts", "counted_attempts")
    wrong = (each for each in runs if not each["reconciles"])
    return grid(columns, ([each[name] for name in columns] for each in wrong))


def as_of(found: Json, shown: Callable[[str], str]) -> str:
    """Return how old figures are, as text."""
    if found["as_of"] is None:
        return ""
    return f"{shown(found['as_of'])}, {found['lag_s']:.1f} s ago"


def open_of(figures: Json) -> int:
    """Return how many messages are in no final state."""
    return sum(figures["by_status"].get(status, 0) for status in OPEN)
