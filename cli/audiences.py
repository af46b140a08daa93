"""The commands about audiences: whom a mailing would go to, and who is left out."""

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from cli import Exit, Failure, Output
from cli.api import Api, run
from cli.filtering import (
    IDENTIFIER,
    FilterOptions,
    Saved,
    note_unknown,
    read_filter,
)
from cli.grouped import grouped
from cli.mailing_tables import filter_rows
from cli.options import GATEWAYS
from cli.render import Format, Json, Listing, Quiet, facts, grid, instant, note, show

Reference = Annotated[str, typer.Argument(metavar="AUDIENCE", help="Identifier, or name.")]
# What a filter is that says nothing: what is saved anew has nothing of before.
EMPTY: Json = {
    "tags": [],
    "operator_codes": [],
    "include": None,
    "exclude": None,
    "one_per_contact": False,
}

DUE_TIMES = 12  # that are shown
app = typer.Typer(help="Audiences: whom mailings go to.", no_args_is_help=True)


@app.command("preview")
@grouped
def preview_audience(
    *,
    whom: FilterOptions,
    saved: Saved = None,
    gateway: Annotated[str, typer.Option(metavar="NAME", help=GATEWAYS)] = "http",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many clients to show.")] = 20,
    output: Format = Output.TABLE,
) -> None:
    """Show how many clients a filter selects now, who is left out and why, and some of them."""
    wanted = read_filter(whom)
    if saved is not None and wanted:
        raise typer.BadParameter("say either --audience, or whom")

    async def work(api: Api) -> Json:
        whom = wanted if saved is None else sendable((await find_audience(api, saved))["filter"])
        return await audience(api, whom, gateway, limit)

    found = run(work)
    show(output, found, lambda: audience_table(found))
    note_unknown(wanted, found)


@app.command("save")
@grouped
def save_audience(
    name: Annotated[str, typer.Argument(help="By which mailings refer to it.")],
    *,
    whom: FilterOptions,
    output: Format = Output.TABLE,
) -> None:
    """Save a filter under a name; if there is one of this name, instead of what it was.

    Mailings that refer to it go to the new one; a run that has begun keeps its own.
    """
    wanted = read_filter(whom)

    async def work(api: Api) -> Json:
        known = (await api.get("catalog", "/v1/audiences", {"name": name}))["items"]
        if not known:
            return await api.post("catalog", "/v1/audiences", {"name": name, "filter": wanted})
        path = f"/v1/audiences/{known[0]['audience_id']}"
        return await api.patch("catalog", path, {"filter": EMPTY | wanted})

    saved = run(work)
    show(output, saved, lambda: saved_table(saved))
    note_unknown(wanted, saved)


@app.command("list")
def list_audiences(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Quiet = False,
    output: Format = Output.TABLE,
) -> None:
    """List saved audiences, the newest first."""
    found = run(lambda api: api.items("catalog", "/v1/audiences", {}, limit))
    listing = Listing("audience_id", "audiences", found)
    rows = ([each["audience_id"], each["name"], instant(each["changed_at"])] for each in found[0])
    listing.show(output, lambda: grid(("audience_id", "name", "changed"), rows), quiet=quiet)


@app.command("show")
def show_audience(reference: Reference, output: Format = Output.TABLE) -> None:
    """Show a saved audience."""
    found = run(lambda api: find_audience(api, reference))
    show(output, found, lambda: saved_table(found))


@app.command("delete")
def delete_audience(reference: Reference) -> None:
    """Delete a saved audience, to which no mailing refers that may still run."""

    async def work(api: Api) -> None:
        found = await find_audience(api, reference)
        await api.delete("catalog", f"/v1/audiences/{found['audience_id']}")

    run(work)
    note(f"{reference} is deleted.")


async def find_audience(api: Api, reference: str) -> Json:
    """Return the audience with an identifier or a name, with all that its filter names.

    Raises:
        Failure: There is none, or the service is not there.
    """
    audience_id = reference
    if not IDENTIFIER.fullmatch(reference):
        found = (await api.get("catalog", "/v1/audiences", {"name": reference}))["items"]
        if not found:
            detail = "`./mailings audience list` shows those that there are."
            raise Failure(f"No audience has the name {reference!r}.\n  {detail}", Exit.NOT_FOUND)
        audience_id = found[0]["audience_id"]
    whole: Json = await api.get("catalog", f"/v1/audiences/{audience_id}")
    return whole


def sendable(wanted: Json) -> Json:
    """Return a filter that was shown as it can be sent."""
    return {name: value for name, value in wanted.items() if value is not None}


def saved_table(found: Json) -> RenderableType:
    """Return all that there is to say of a saved audience."""
    return facts([
        ("audience_id", found["audience_id"]),
        ("name", found["name"]),
        *filter_rows(found["filter"]),
        ("version", found["version"]),
        ("created", instant(found["created_at"])),
        ("changed", instant(found["changed_at"])),
    ])  # fmt: skip


async def audience(
    api: Api,
    wanted: Json,
    gateway: str,
    limit: int,
    *,
    topic: str | None = None,
    times: Json | None = None,
) -> Json:
    """Return whom a filter selects now.

    Raises:
        Failure: It is refused, or the service is not there.
    """
    more = {"topic": topic, "times": times}
    body: Json = {"filter": wanted, "gateway": gateway}
    body |= {name: value for name, value in more.items() if value is not None}
    found: Json = await api.post("dispatcher", f"/v1/audience-previews?limit={limit}", body)
    return found


def audience_facts(found: Json) -> list[tuple[str, object]]:
    """Return how many clients a filter selects, and how many are left out."""
    more = "" if found["is_whole"] else "more than "
    return [
        ("selected", f"{more}{found['selected']:,}"),
        ("would be sent something", f"{found['messages']:,}"),
        *(
            (f"left out: {each['reason'].replace('_', ' ')}", f"{each['clients']:,}")
            for each in found["left_out"]
        ),
        *_due_facts(found.get("due")),
    ]


def _due_facts(due: Json | None) -> Iterator[tuple[str, object]]:
    """Yield how many get it when; dispatchers of older releases do not say."""
    if due is None:
        return
    for each in due["times"][:DUE_TIMES]:
        yield f"at {instant(each['at'])}", f"{each['clients']:,}"
    if due["count"] > DUE_TIMES:
        yield "and at", f"{due['count'] - DUE_TIMES:,} other times"
    for each in due["skipped"]:
        yield f"left out: {each['reason'].replace('_', ' ')}", f"{each['clients']:,}"


def audience_table(found: Json) -> RenderableType:
    """Return whom a filter selects, as a table."""
    columns = ("client_id", "contact", "operator_code", "time_zone", "tags", "left_out")
    rows = ([each[name] for name in columns] for each in found["clients"])
    return Group(facts(audience_facts(found)), grid(columns, rows))
