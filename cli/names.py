"""The names: what people call the mailings and clients that other answers know by identifier."""

import asyncio
from collections.abc import Iterable

from cli import Failure
from cli.api import Api
from cli.render import Json

MOST = 200  # that are asked for one by one; beyond, identifiers must do
AT_ONCE = 8


async def mailing_names(api: Api, found: Iterable[Json]) -> dict[str, str]:
    """Return the names of the mailings that `found` belongs to, by identifier."""
    return await _each(api, "mailings", {each["mailing_id"] for each in found}, "name")


async def client_phones(api: Api, found: Iterable[Json]) -> dict[str, str]:
    """Return the phones, or else the e-mails, of the clients that `found` is for."""
    return await _each(api, "clients", {each["client_id"] for each in found}, "phone", "email")


async def _each(api: Api, path: str, wanted: set[str], *fields: str) -> dict[str, str]:
    """Return the first of `fields` that is there of each thing that the catalog still has."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(identifier: str) -> tuple[str, str]:
        async with at_once:
            try:
                answer = await api.get("catalog", f"/v1/{path}/{identifier}")
            except Failure:  # deleted meanwhile, or the catalog is away: the identifier must do
                return identifier, ""
        return identifier, next((answer[field] for field in fields if answer[field]), "")

    shown = await asyncio.gather(*(one(each) for each in sorted(wanted)[:MOST]))
    return {identifier: name for identifier, name in shown if name}
