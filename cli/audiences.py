"""The commands about audiences: whom a mailing would go to, and who is left out."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType

from cli import Output
from cli.api import Api, run
from cli.filtering import (
    AllTags,
    Clients,
    Codes,
    ExceptClients,
    FilterFile,
    Has,
    NoTags,
    OnePerContact,
    Tags,
    Zones,
    note_unknown,
    read_filter,
)
from cli.options import GATEWAYS
from cli.render import Format, Json, facts, grid, show

app = typer.Typer(help="Audiences: whom mailings go to.", no_args_is_help=True)


@app.command("preview")
def preview_audience(  # noqa: PLR0913 (options are the fields of a filter)
    *,
    tag: Tags = None,
    operator_code: Codes = None,
    with_tag: AllTags = None,
    without_tag: NoTags = None,
    in_zone: Zones = None,
    has: Has = None,
    clients: Clients = None,
    except_clients: ExceptClients = None,
    one_per_contact: OnePerContact = None,
    filter_: FilterFile = None,
    gateway: Annotated[str, typer.Option(metavar="NAME", help=GATEWAYS)] = "http",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many clients to show.")] = 20,
    output: Format = Output.TABLE,
) -> None:
    """Show how many clients a filter selects now, who is left out and why, and some of them."""
    wanted = read_filter(
        tag=tag,
        operator_code=operator_code,
        with_tag=with_tag,
        without_tag=without_tag,
        in_zone=in_zone,
        has=has,
        clients=clients,
        except_clients=except_clients,
        one_per_contact=one_per_contact,
        file=filter_,
    )
    found = run(lambda api: audience(api, wanted, gateway, limit))
    show(output, found, lambda: audience_table(found))
    note_unknown(wanted, found)


async def audience(api: Api, wanted: Json, gateway: str, limit: int) -> Json:
    """Return whom a filter selects now.

    Raises:
        Failure: It is refused, or the service is not there.
    """
    body = {"filter": wanted, "gateway": gateway}
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
    ]


def audience_table(found: Json) -> RenderableType:
    """Return whom a filter selects, as a table."""
    columns = ("client_id", "contact", "operator_code", "time_zone", "tags", "left_out")
    rows = ([each[name] for name in columns] for each in found["clients"])
    return Group(facts(audience_facts(found)), grid(columns, rows))
