"""The doctor: looks at a deployment from outside, and says what is wrong and what to do."""

from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from cli import Exit, Output
from cli.api import run
from cli.checks import Finding, Severity, findings
from cli.deployment import Lag, Seen, look
from cli.render import Format, Json, duration, grid, printable, show

app = typer.Typer()

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@app.command()
def doctor(
    *,
    output: Format = Output.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --output json.")] = False,
) -> None:
    """Check all services from outside, and say what is wrong and what to do.

    Ends with 1 if something does not work, else with 0: warnings are no failure.
    """
    seen = run(look)
    found = findings(seen)
    is_well = not any(each.severity is Severity.ERROR for each in found)
    answer: Json = {
        "is_well": is_well,
        "services": [summary(each) for each in seen],
        "consumers": [asdict(lag) for each in seen for lag in each.lags],
        "findings": [asdict(each) for each in found],
    }
    show(Output.JSON if as_json else output, answer, lambda: _report(seen, found))
    if not is_well:
        raise typer.Exit(Exit.ERROR)


def summary(seen: Seen) -> Json:
    """Return what there is to say of a service that is well."""
    about = seen.body("/v1/about") or {}
    statuses = {path: answer.status for path, answer in seen.answers.items()}
    return {
        "service": seen.service,
        "address": seen.address,
        "version": about.get("version"),
        "tzdata": about.get("tzdata"),
        "started_at": about.get("started_at"),
        "is_alive": statuses.get("/livez") == HTTPStatus.NO_CONTENT,
        "is_ready": statuses.get("/readyz") == HTTPStatus.NO_CONTENT,
    }


def _report(seen: Sequence[Seen], found: Sequence[Finding]) -> RenderableType:
    columns = ("service", "address", "version", "alive", "ready")
    names = ("service", "address", "version", "is_alive", "is_ready")
    rows = ([summary(each)[name] for name in names] for each in seen)
    parts: list[RenderableType] = [grid(columns, rows), Text()]
    if lags := [lag for each in seen for lag in each.lags]:
        parts += [_consumers(lags), Text()]
    if not found:
        parts.append(Text("Nothing is wrong.", style="green"))
    return Group(*parts, *map(_shown, found))


def _consumers(lags: Sequence[Lag]) -> RenderableType:
    """Return a line for each consumer: how far it is behind, all its topics together."""
    by_consumer: dict[tuple[str, str], list[Lag]] = {}
    for each in lags:
        by_consumer.setdefault((each.service, each.consumer), []).append(each)
    rows = (
        (*key, f"{sum(lag.records for lag in of):,}", duration(max(lag.behind_s for lag in of)))
        for key, of in by_consumer.items()
    )
    return grid(("service", "consumer", "records behind", "time behind"), rows)


def _shown(each: Finding) -> Text:
    return Text.assemble(
        (f"{each.severity} ", STYLES[each.severity]),
        f"{each.service}: {printable(each.what)}\n  What to do: {printable(each.advice)}",
    )
