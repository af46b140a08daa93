"""Queries: clients, one or by the page."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator, Field
from sqlalchemy import ARRAY, ColumnElement, Select, Text, cast, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from services.catalog import tables
from services.catalog.domain.client import ClientUnknown
from shared.contracts.schedule import Weekday
from shared.database import Connection
from shared.event import Instant
from shared.http import View
from shared.preferred import PreferredTime, format_preferred, parse_preferred


class PreferredTimeView(View):
    """A local time on some days of the week."""

    id: str = Field(description="By which it is deleted.", examples=["mon-fri_09:00"])
    days: list[Weekday] = Field(examples=[["monday", "friday"]])
    at: str = Field(examples=["09:00"])


def times_view(text: str | None) -> list[PreferredTimeView]:
    """Return preferred times as they are shown."""
    times = parse_preferred(text or "")
    return [PreferredTimeView(id=id_of(each), days=list(each.days), at=each.at) for each in times]


def id_of(each: PreferredTime) -> str:
    """Return what identifies a preferred time among those of its client."""
    return (format_preferred([each]) or "").replace(" ", "_")


PreferredTimes: TypeAlias = Annotated[list[PreferredTimeView], BeforeValidator(times_view)]


class ClientView(View):
    """A client, as it is shown."""

    client_id: UUID
    phone: str | None
    operator_code: str | None
    tags: list[str]
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None
    preferred_times: PreferredTimes = Field(description="In which it likes to be written to.")
    external_id: str | None
    version: int
    created_at: Instant
    changed_at: Instant


async def client(db: Connection, client_id: UUID) -> ClientView:
    """Return one client.

    Raises:
        ClientUnknown: No client has this identifier.
    """
    table = tables.clients
    row = (await db.execute(select(table).where(table.c.client_id == client_id))).one_or_none()
    if row is None:
        raise ClientUnknown
    return ClientView.model_validate(row)


async def has_client(db: Connection, client_id: UUID) -> bool:
    """Return whether a client has this identifier."""
    found = select(tables.clients.c.client_id).where(tables.clients.c.client_id == client_id)
    return await db.scalar(found) is not None


async def email_of(db: Connection, client_id: UUID) -> str | None:
    """Return the e-mail of a client; None: it has none, or there is no such client."""
    table = tables.clients.c
    found: str | None = await db.scalar(select(table.email).where(table.client_id == client_id))
    return found


async def client_with_phone(db: Connection, phone: str) -> UUID | None:
    """Return the client that has `phone`; None if it is free."""
    table = tables.clients
    found: UUID | None = await db.scalar(select(table.c.client_id).where(table.c.phone == phone))
    return found


async def client_known_as(db: Connection, external_id: str) -> UUID | None:
    """Return the client that another system knows as `external_id`; None if there is none."""
    table = tables.clients
    query = select(table.c.client_id).where(table.c.external_id == external_id)
    found: UUID | None = await db.scalar(query)
    return found


# Clients that are read in their order before the index is asked, and at least so many for each of
# a page: that is cheaper than to collect and sort what more of them have. Of 1,000,000 clients
# these take some ten milliseconds, and those that the index finds for a page not more than twenty.
WINDOW, PER_ITEM = 8_000, 50


async def clients(
    db: Connection, *, after: UUID, limit: int, having: Mapping[str, str | None]
) -> list[ClientView]:
    """Return up to `limit` clients behind `after` that have what `having` names.

    `having` holds values for `phone`, `operator_code` and `tag`; none doesn't restrict.

    Of what many have, the next clients behind `after` fill a page; of what few have, the index
    knows all. Which it is, is found out here and not left to the planner, who may know how many
    have a tag but not where they are, and who keeps one plan for all values.
    """
    table = tables.clients
    behind = select(table).where(table.c.client_id > after).order_by(table.c.client_id)
    if having.get("phone") is not None or set(having.values()) == {None}:
        return await _clients(db, behind.where(*_conditions(table.c, having)), limit)
    size = max(WINDOW, PER_ITEM * limit)
    window = behind.limit(size).subquery("near")
    near = select(window).where(*_conditions(window.c, having)).order_by(window.c.client_id)
    found = await _clients(db, near, limit)
    if len(found) == limit:
        return found
    ids = behind.with_only_columns(table.c.client_id)
    end = ids.offset(size - 1).limit(1).scalar_subquery()  # none: the window has all
    few = select(table.c.client_id).where(table.c.client_id > end, *_conditions(table.c, having))
    all_few = few.cte("few").prefix_with("MATERIALIZED")  # in order it would be all clients again
    first = select(all_few).order_by(all_few.c.client_id).limit(limit - len(found)).subquery()
    far = select(table).join(first, first.c.client_id == table.c.client_id)
    return found + await _clients(db, far.order_by(table.c.client_id), limit - len(found))


def _conditions(
    columns: ReadOnlyColumnCollection[str, Any], having: Mapping[str, str | None]
) -> list[ColumnElement[bool]]:
    """Return the conditions that `having` names, written as the indexes have them."""
    phone, code, tag = (having.get(name) for name in ("phone", "operator_code", "tag"))
    conditions: list[ColumnElement[bool]] = []
    if phone is not None:
        conditions.append(columns.phone == phone)
    if code is not None:
        conditions.append(array([columns.operator_code]).bool_op("@>")(cast([code], ARRAY(Text))))
    if tag is not None:
        conditions.append(columns.tags.bool_op("@>")([tag]))
    return conditions


async def _clients(db: Connection, page: Select[Any], limit: int) -> list[ClientView]:
    return [ClientView.model_validate(row) for row in await db.execute(page.limit(limit))]
