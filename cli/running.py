"""The command that begins a run: by hand, or by another scheduler, which needs its exit code."""

import asyncio
import time
from datetime import timedelta
from typing import Annotated

import typer

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.mailing_tables import preview_table
from cli.options import DryRun, MailingId, read_duration
from cli.render import Format, Json, facts, note, show

app = typer.Typer()

LOOK_EVERY_S = 0.5
WELL = ("delivered", "suppressed")  # what is no failure of a run

Nominal = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="NOMINAL",
        help="Names the run, which is begun once: a local time as in 2026-03-01T09:00, "
        "with its zone as in 2026-03-01T09:00[Europe/Moscow].",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Until it has ended; then exit by what became of it.")
]
Timeout = Annotated[
    timedelta | None,
    typer.Option(parser=read_duration, metavar="DURATION", help="Wait no longer, such as 2h."),
]


@app.command("run")
def run_mailing(
    mailing_id: MailingId,
    *,
    at: Nominal = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = None,
    output: Format = Output.TABLE,
) -> None:
    """Begin a run now: the only one of a mailing, or one more of a recurring one.

    The same run is begun once, however often this is called with the same --at: fit for cron and
    for other schedulers. With --wait the exit code is 0 if every message was delivered or was not
    to be sent, else 1.
    """
    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout is that of --wait")
    path = f"/v1/mailings/{mailing_id}"
    if dry_run:
        preview = run(lambda api: api.post("catalog", f"{path}/preview", {}))
        show(output, preview, lambda: preview_table(preview))
        return
    limit_s = None if timeout is None else timeout.total_seconds()

    async def work(api: Api) -> Json:
        begun: Json = await api.post("catalog", f"{path}/runs", {"nominal": at})
        return begun | (await _ended(api, begun, limit_s) if wait else {})

    done = run(work)
    show(output, done, lambda: facts(done.items()))
    if not wait:
        note(f"Follow it: `./mailings runs show {done['run_id']}`.", "dim")
    elif bad := {name: count for name, count in done["statuses"].items() if name not in WELL}:
        shown = ", ".join(f"{count:,} {name}" for name, count in bad.items())
        raise Failure(f"Not every message was delivered: {shown}.")


async def _ended(api: Api, begun: Json, limit_s: float | None) -> Json:
    """Wait for the end of a run; return what became of its messages, by the ledger.

    Raises:
        Failure: It takes longer than `limit_s` seconds.
    """
    run_id, until = begun["run_id"], time.monotonic() + (limit_s or 0)
    while True:
        found = await _figures(api, run_id)
        if found is not None and found["ledger"] is not None:
            statuses = found["ledger"]["by_status"]
            return {
                "planned": found["planned"],
                "statuses": {name: count for name, count in statuses.items() if count},
            }
        if limit_s is not None and time.monotonic() > until:
            raise Failure(
                f"The run has not ended after {limit_s:.0f} s; it goes on.\n"
                f"  What to do: `./mailings why {run_id}` says what it waits for."
            )
        await asyncio.sleep(LOOK_EVERY_S)


async def _figures(api: Api, run_id: str) -> Json | None:
    """Return the figures of a run; None before there are any."""
    try:
        found: Json = await api.get("stats", f"/v1/runs/{run_id}")
    except Failure as failure:
        if failure.code is Exit.NOT_FOUND:
            return None
        raise
    return found
