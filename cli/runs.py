"""The commands about runs: each occurrence of a mailing, and how far it is."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from cli import Failure, Output, read_id
from cli.api import Api, run
from cli.export import ExportFormat, export_run, format_of
from cli.messages import Status
from cli.names import mailing_names
from cli.options import By, DryRun, For, StartsAt, account, end_of, read_instant
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, note, show
from cli.statistics.figures import resend_facts


class Resendable(StrEnum):
    """Statuses of messages that may be sent again."""

    FAILED = "failed"
    EXPIRED = "expired"
    UNDETERMINED = "undetermined"
    CANCELLED = "cancelled"


RunId = Annotated[UUID, typer.Argument(parser=read_id, metavar="RUN", help="As `list` shows it.")]

app = typer.Typer(help="Runs: each occurrence of a mailing.", no_args_is_help=True)


@app.command("list")
def list_runs(
    *,
    mailing_id: Annotated[
        UUID | None, typer.Option("--mailing", parser=read_id, help="Only of this one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List runs, the newest first."""

    async def work(api: Api) -> tuple[tuple[list[Json], bool], dict[str, str]]:
        found = await api.items("dispatcher", "/v1/runs", {"mailing_id": mailing_id}, limit)
        is_table = output is Output.TABLE and not quiet
        return found, await mailing_names(api, found[0]) if is_table else {}

    found, names = run(work)
    listing = Listing("run_id", "runs", found)
    columns = ("run_id", "mailing", "state", "planned", "open", "created", "finished")
    rows = (
        [
            each["run_id"],
            names.get(each["mailing_id"], each["mailing_id"]),
            each["state"],
            each["planned"],
            each["open"],
            instant(each["created_at"]),
            instant(each["finished_at"]),
        ]
        for each in listing.items
    )
    listing.show(output, lambda: grid(columns, rows), quiet=quiet)


@app.command("show")
def show_run(
    run_id: RunId,
    output: Format = Output.TABLE,
) -> None:
    """Show how far one run is, and what it adds up to with its resends."""
    found = run(lambda api: _run(api, run_id))
    show(output, found, lambda: facts(_facts(found)))


async def _run(api: Api, run_id: UUID) -> Json:
    """Return a run, with what statistics have of its resends, if they are there and know it."""
    found = await api.get("dispatcher", f"/v1/runs/{run_id}")
    try:
        figures = await api.get("stats", f"/v1/runs/{run_id}")
    except Failure:
        return found
    if not figures.get("union"):
        return found
    return found | {name: figures[name] for name in ("resent_as", "union")}


def _facts(found: Json) -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        match name:
            case "starts_at" | "ends_at" | "created_at" | "finished_at" | "archived_at":
                yield name.removesuffix("_at"), instant(value)
            case "totals" if value is not None:
                yield name, ", ".join(f"{state} {count:,}" for state, count in value.items())
            case "resent_as":
                yield from resend_facts(found)
            case "union":
                pass  # shown with the runs that it is of
            case "paused" | "stopped":
                yield name, [_switch(each) for each in value]
            case _:
                yield name, value


def _switch(switch: Json) -> str:
    """Return where a switch was set, since when and by whom, as far as that is known."""
    since = f" since {instant(switch['since'])}" if switch["since"] else ""
    by = f" by {switch['by']}" if switch["by"] else ""
    return f"{'by its mailing' if switch['of'] == 'mailing' else 'by itself'}{since}{by}"


@app.command("pause")
def pause_run(run_id: RunId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send nothing of a run until it is resumed here, be the catalog and Kafka there or not."""
    _move(run_id, "pause", by, output)


@app.command("resume")
def resume_run(run_id: RunId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send a run again that was paused here."""
    found = _move(run_id, "resume", by, output)
    for switch in found.get("paused", ()):
        note(f"It is still paused {_switch(switch)}: {LIFT.format(**found)}.", "yellow")


@app.command("stop")
def stop_run(run_id: RunId, *, by: By = None, output: Format = Output.TABLE) -> None:
    """Send nothing of a run any more, ever; what is open is cancelled."""
    _move(run_id, "stop", by, output)


@app.command("resend")
def resend_run(  # noqa: PLR0913 (options are the fields of a resend)
    run_id: RunId,
    *,
    status: Annotated[
        list[Resendable], typer.Option(help="Of the messages that are sent again; or several.")
    ],
    reason: Annotated[
        list[str] | None, typer.Option(help="Only with this one, as `reasons` shows; '' for none.")
    ] = None,
    starts_at: StartsAt = None,
    ends_at: Annotated[
        datetime | None,
        typer.Option("--until", parser=read_instant, metavar="INSTANT", help="Its end."),
    ] = None,
    for_: For = None,
    dry_run: DryRun = False,
    by: By = None,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """Send again what did not arrive of an ended run, by a new run with a window of its own."""
    if not dry_run and (ends_at is None) == (for_ is None):
        raise typer.BadParameter("say when it ends: either --until or --for; or --dry-run")
    body: Json = {
        "statuses": [each.value for each in status],
        "reasons": reason or [],
        "by": by or account(),
        "dry_run": dry_run,
    }
    if not dry_run:
        body["starts_at"] = starts_at.isoformat() if starts_at else None
        body["ends_at"] = end_of(starts_at, ends_at, for_).isoformat()
    found = run(lambda api: api.post("dispatcher", f"/v1/runs/{run_id}/resend", body))
    if quiet and found["run"]:
        typer.echo(found["run"]["run_id"])
        return
    show(output, found, lambda: facts(_resent(found)))


def _resent(found: Json) -> Iterator[tuple[str, object]]:
    clients = found["clients"]
    yield ("goes to" if found["run"] else "would go to"), clients
    if found.get("unreachable"):  # an older dispatcher does not say
        yield "of them without contact", found["unreachable"]
    if found["run"] is None:
        return
    yield from _facts(found["run"])


LIFT = "`./mailings mailings resume {mailing_id}`"


def _move(run_id: UUID, how: str, by: str | None, output: Output) -> Json:
    body = {"by": by or account()}
    found = run(lambda api: api.post("dispatcher", f"/v1/runs/{run_id}/{how}", body))
    show(output, found, lambda: facts(_facts(found)))
    return found


@app.command("reasons")
def list_reasons(
    run_id: RunId,
    output: Format = Output.TABLE,
) -> None:
    """Count the messages of a run by status, reason and status code, with an example of each."""
    found = run(lambda api: _reasons(api, run_id))
    listing = Listing("example_message_id", "messages in this run", (found, False))
    columns = ("status", "reason", "code", "count", "message_id")
    rows = (
        [
            each["status"],
            each["reason"],
            None if each["status_code"] is None else str(each["status_code"]),
            each["count"],
            each["example_message_id"],
        ]
        for each in listing.items
    )
    listing.show(output, lambda: grid(columns, rows), quiet=False)


async def _reasons(api: Api, run_id: UUID) -> list[Json]:
    """Return the groups of all pages, added up, the largest first."""
    counts: Counter[tuple[str, str, int]] = Counter()
    groups: dict[tuple[str, str, int], Json] = {}
    cursor: str | None = None
    while True:
        page = await api.get("dispatcher", f"/v1/runs/{run_id}/reasons", {"cursor": cursor})
        for each in page["items"]:
            group = each["status"], each["reason"], each["status_code"]
            counts[group] += each["count"]
            groups.setdefault(group, each)
        cursor = page["next_cursor"]
        if cursor is None:
            return [groups[group] | {"count": count} for group, count in counts.most_common()]


@app.command("export")
def export_messages(
    run_id: RunId,
    wanted: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="Default: by the file's name, else NDJSON."),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; else standard output."),
    ] = None,
    status: Annotated[Status | None, typer.Option(help="Only messages with this status.")] = None,
) -> None:
    """Write every message of a run with all attempts to a file, which is complete or not there."""
    kind = wanted or format_of(path)
    size = run(lambda api: export_run(api, run_id, kind, path, status))
    if path is not None:
        note(f"{path} is complete: {size:,} bytes.")
