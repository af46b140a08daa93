"""How audiences are typed: the options that say whom a mailing is for, or not."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TextIO

import typer

from cli.phones import phone_of
from cli.render import Json, note

IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
SHOWN = 10  # phones that are no client's


class Contact(StrEnum):
    """By what a client can be reached."""

    PHONE = "phone"
    EMAIL = "email"


Tags = Annotated[list[str] | None, typer.Option("--tag", help="To clients with any of these.")]
Codes = Annotated[list[str] | None, typer.Option("--operator-code", help="And any of these.")]
AllTags = Annotated[list[str] | None, typer.Option("--with-tag", help="And all of these.")]
NoTags = Annotated[list[str] | None, typer.Option("--without-tag", help="And none of these.")]
Zones = Annotated[
    list[str] | None,
    typer.Option("--in-zone", metavar="ZONE", help="And in any of these time zones."),
]
Has = Annotated[list[Contact] | None, typer.Option("--has", help="And with such a contact.")]
Clients = Annotated[
    typer.FileText | None,
    typer.Option(
        encoding="utf-8",
        help="And named in this file, by id or phone, one a line; - for standard input.",
    ),
]
ExceptClients = Annotated[
    typer.FileText | None, typer.Option(encoding="utf-8", help="And not named in this file.")
]
OnePerContact = Annotated[
    bool | None,
    typer.Option(
        "--one-per-contact/--all-of-a-contact",
        help="Of several clients with one phone or e-mail, write to one, or to all.",
    ),
]
Saved = Annotated[
    str | None,
    typer.Option(
        "--audience", metavar="AUDIENCE", help="A saved audience instead, by id or name."
    ),
]
FilterFile = Annotated[
    typer.FileText | None,
    typer.Option("--filter", encoding="utf-8", help="The whole filter instead, as JSON."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """The options of a filter."""

    tag: Tags = None
    operator_code: Codes = None
    with_tag: AllTags = None
    without_tag: NoTags = None
    in_zone: Zones = None
    has: Has = None
    clients: Clients = None
    except_clients: ExceptClients = None
    one_per_contact: OnePerContact = None
    filter_: FilterFile = None


def read_filter(options: FilterOptions) -> Json:
    """Return what is typed of a filter, as the API takes it; empty if nothing is.

    Raises:
        typer.BadParameter: Something is typed beside a whole filter, or a file is none of ours.
    """
    include: Json = {"all_tags": options.with_tag, "time_zones": options.in_zone}
    include |= {f"has_{each}": True for each in options.has or ()}
    include |= _named(options.clients)
    exclude: list[Json] = [{"tags": options.without_tag}] if options.without_tag else []
    exclude += [{name: named} for name, named in _named(options.except_clients).items()]
    typed: Json = {
        "tags": options.tag,
        "operator_codes": options.operator_code,
        "include": {name: value for name, value in include.items() if value},
        "exclude": {"or": exclude} if len(exclude) > 1 else next(iter(exclude), None),
    }
    typed = {name: value for name, value in typed.items() if value}
    if options.one_per_contact is not None:
        typed["one_per_contact"] = options.one_per_contact
    if options.filter_ is None:
        return typed
    if typed:
        raise typer.BadParameter("say either --filter, or its parts")
    return _whole(options.filter_)


def whom_of(audience: str | None, wanted: Json) -> Json:
    """Return whom a new mailing is for, as the API takes it."""
    if audience is not None:
        return {"audience": audience}
    return {"filter": {"tags": [], "operator_codes": []} | wanted}


def whom_instead(audience: str | None, wanted: Json, *, to_all: bool) -> Json:
    """Return whom a mailing is for from now on, as the API takes it; an empty audience is none.

    Raises:
        typer.BadParameter: More than one is said.
    """
    if to_all and wanted:
        raise typer.BadParameter("say either --to-all, or whom")
    if audience and (to_all or wanted):
        raise typer.BadParameter("say either --audience, or whom")
    changes: Json = {} if audience is None else {"audience": audience or None}
    return changes | ({"filter": wanted or None} if to_all or wanted else {})


def note_unknown(wanted: Json, saved: Json) -> None:
    """Say which of the phones that a filter names are no client's."""
    unknown = [str(_at({"filter": wanted}, each)) for each in saved.get("unknown_phones") or ()]
    if unknown:
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        note(
            f"{len(unknown):,} phones are no client's: {', '.join(unknown[:SHOWN])}{more}",
            "yellow",
        )


def _at(value: Any, pointer: str) -> Any:  # noqa: ANN401 - as JSON has it
    """Return what stands at a JSON pointer."""
    for step in pointer.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    return value


def _whole(file: TextIO) -> Json:
    try:
        found = json.load(file)
    except (ValueError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file.name} is no JSON: {error}") from None
    if not isinstance(found, dict) or not found:
        raise typer.BadParameter(f'{file.name} has no filter, such as {{"tags": ["vip"]}}')
    whole: Json = found.get("filter", found)
    return whole


def _named(file: TextIO | None) -> Json:
    """Return the clients that a file names, by what it names them by."""
    if file is None:
        return {}
    named: Json = {"client_ids": [], "phones": []}
    try:
        for number, line in enumerate(file, 1):
            word = line.strip().removeprefix("\ufeff")
            if IDENTIFIER.fullmatch(word):
                named["client_ids"].append(word)
            elif phone := phone_of(word):
                named["phones"].append(phone)
            elif word:
                detail = "neither an identifier nor a phone such as 79161234567"
                raise typer.BadParameter(f"{file.name}, line {number}: {detail}")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file.name} is not text in UTF-8") from None
    if not any(named.values()):
        raise typer.BadParameter(f"{file.name} names nobody")
    return {name: value for name, value in named.items() if value}
