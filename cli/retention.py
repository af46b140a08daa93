"""The commands about retention: which finished runs leave, when, and now."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.names import mailing_names
from cli.options import read_instant
from cli.render import Format, Json, facts, grid, instant, note, show

app = typer.Typer(
    help="Retention: finished runs leave, and only their figures stay.", no_args_is_help=True
)

PATH = "/v1/retention"

Before = Annotated[
    datetime | None,
    typer.Option(
        parser=read_instant,
        metavar="INSTANT",
        help="Runs that finished before; else those that RUN_RETENTION does not keep any more.",
    ),
]


@app.command("plan")
def plan_retention(
    before: Before = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many of the next.")] = 20,
    output: Format = Output.TABLE,
) -> None:
    """Show what leaves now, and which runs are next."""

    async def work(api: Api) -> tuple[Json, dict[str, str]]:
        found = await api.get("dispatcher", PATH, {"before": _text(before), "limit": limit})
        is_table = output is Output.TABLE
        return found, await mailing_names(api, found["runs"]) if is_table else {}

    found, names = run(work)
    show(output, found, lambda: _plan(found, names))


@app.command("run")
def run_retention(
    *,
    before: Before = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Format = Output.TABLE,
) -> None:
    """Let leave now what is due: messages and attempts are deleted, figures stay."""
    found = run(lambda api: api.get("dispatcher", PATH, {"before": _text(before), "limit": 1}))
    done: Json = {"archived_runs": 0, "archived_messages": 0}
    if before is None and found["retention"] is None:
        raise Failure(
            "Finished runs are kept for ever.\n"
            "  What to do: name --before, or set RUN_RETENTION for the dispatcher and stats.",
            Exit.CONFLICT,
        )
    if found["due_runs"]:
        if not yes:
            _confirm(found)
        done = run(lambda api: _archive(api, before))
    show(output, done, lambda: facts((name.replace("_", " "), n) for name, n in done.items()))
    if done.get("due_runs"):
        note("Of those that are due still, senders have some: try again in a moment.", "yellow")


def _confirm(found: Json) -> None:
    """Ask whether it is meant.

    Raises:
        Failure: Nobody is there to be asked.
        typer.Abort: It is not.
    """
    runs, messages = found["due_runs"], found["due_messages"]
    what = f"{runs:,} runs leave, with {messages:,} messages."
    if not sys.stdin.isatty():
        raise Failure(f"{what}\n  What to do: say --yes if that is meant.", Exit.USAGE)
    note(f"{what} Their figures stay; messages and attempts are deleted for good.")
    note("`./mailings runs export RUN` writes them to a file before.", "dim")
    typer.confirm("Let them leave?", abort=True, err=True)


async def _archive(api: Api, before: datetime | None) -> Json:
    """Archive all that is due, some at a time, until nothing more can leave."""
    runs = messages = 0
    while True:
        done = await api.post("dispatcher", PATH, {"before": _text(before)})
        runs += done["archived_runs"]
        messages += done["archived_messages"]
        if not done["archived_runs"] or not done["due_runs"]:
            due = {name: done[name] for name in ("due_runs", "due_messages")}
            return {"archived_runs": runs, "archived_messages": messages, **due}
        note(f"{runs:,} runs have left, {done['due_runs']:,} are due still.", "dim")


def _text(before: datetime | None) -> str | None:
    return None if before is None else before.isoformat()


def _plan(found: Json, names: Mapping[str, str]) -> RenderableType:
    about = facts([
        ("kept for", found["retention"] or "ever"),
        ("runs due", found["due_runs"]),
        ("messages due", found["due_messages"]),
        ("runs being emptied", found["emptying_runs"]),
    ])  # fmt: skip
    columns = ("run_id", "mailing", "messages", "finished", "leaves")
    rows = (
        [
            each["run_id"],
            names.get(each["mailing_id"], each["mailing_id"]),
            each["messages"],
            instant(each["finished_at"]),
            instant(each["leaves_at"]),
        ]
        for each in found["runs"]
    )
    return Group(about, "", grid(columns, rows)) if found["runs"] else about
