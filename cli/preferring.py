"""The command about the times at which a client likes to be written to."""

from typing import Annotated

import typer

from cli import Output
from cli.api import Api, run
from cli.clients import Client, find_client
from cli.render import Format, Json, grid, show
from shared.preferred import parse_preferred

app = typer.Typer()

TIMES = "Such as 'mon-fri 09:00, sat 11:30', added to those before."


@app.command("prefer")
def prefer_times(
    client: Client,
    times: Annotated[str | None, typer.Argument(metavar="[TIMES]", help=TIMES)] = None,
    *,
    only: Annotated[bool, typer.Option("--only", help="These instead of those before.")] = False,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="TIME", help="As it is shown.")
    ] = None,
    output: Format = Output.TABLE,
) -> None:
    """Show the times that a client prefers; add some, or remove them."""
    try:
        read = parse_preferred(times or "")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    wanted = [{"days": list(each.days), "at": each.at} for each in read]

    async def work(api: Api) -> Json:
        found = await find_client(api, client)
        path = f"/v1/clients/{found['client_id']}"
        if only:
            changed = await api.patch("catalog", path, {"preferred_times": wanted})
            return {"items": changed["preferred_times"]}
        for each in remove or ():
            await api.delete("catalog", f"{path}/preferred-times/{each.replace(' ', '_')}")
        for time in wanted:
            await api.post("catalog", f"{path}/preferred-times", time)
        return await api.get("catalog", f"{path}/preferred-times")

    found = run(work)
    rows = ([each["id"], ",".join(each["days"]), each["at"]] for each in found["items"])
    show(output, found, lambda: grid(("id", "days", "at"), rows))
