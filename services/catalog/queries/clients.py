"""Queries: clients, one or by the page."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator, Field
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    cast,
    exists,
    false,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY, array
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from services.catalog import tables
from services.catalog.domain.client import ClientUnknown
from services.catalog.domain.search import query_of
from services.catalog.queries.search import Asked, Place, found_ids
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


NEWEST = (tables.clients.c.created_at, tables.clients.c.client_id)
LATER = tuple(column.desc() for column in NEWEST)


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


# Clients that are read in their order before any index is asked, and at least so many for each of
# a page: that is cheaper than to collect and sort what more of them have.
WINDOW, PER_ITEM = 2_000, 50
CHANGED = 4_000  # clients at most that have changed since they were put among the words


async def clients(db: Connection, asked: Asked, *, before: Place, limit: int) -> list[ClientView]:
    """Return up to `limit` clients behind `before` that have what is `asked`, the newest first."""
    conditions = _conditions(tables.clients.c, asked)
    if asked.client_ids is not None:
        conditions.append(tables.clients.c.client_id.in_(asked.client_ids))
        conditions += [_has_words(asked)] if asked.typed else []
    elif asked.typed:
        found = await found_ids(db, asked, before=before, limit=limit)
        conditions.append(tables.clients.c.client_id.in_(found))
    if asked.is_narrow:
        return await _clients(db, _of_few(conditions, before, limit))
    behind = select(tables.clients).where(tuple_(*NEWEST) < tuple_(*before)).order_by(*LATER)
    if conditions:
        return await _having(db, asked, behind, limit)
    return await _clients(db, behind.limit(limit))


def _of_few(conditions: Sequence[ColumnElement[bool]], before: Place, limit: int) -> Select[Any]:
    """Return the query for the first of those that few have: all of them by their index, sorted.

    In order it would be all clients again, and the planner may think that that is less.
    """
    few = select(*NEWEST).where(*conditions).cte("few").prefix_with("MATERIALIZED")
    place = (few.c.created_at, few.c.client_id)
    first = select(few).where(tuple_(*place) < tuple_(*before))
    first = first.order_by(*(column.desc() for column in place)).limit(limit)
    page = first.subquery("first")
    own = page.c.client_id == tables.clients.c.client_id
    return select(tables.clients).join(page, own).order_by(*LATER)


async def _having(
    db: Connection, asked: Asked, behind: Select[Any], limit: int
) -> list[ClientView]:
    """Return the first of those `behind` that have tags or a code.

    Of what many of the newest have, the next clients fill a page. Which it is, is found out here
    and not left to the planner, who may know how many have a tag but not where they are, and who
    keeps one plan for all values.
    """
    size = max(WINDOW, PER_ITEM * limit)
    window = behind.limit(size).subquery("near")
    newest = (window.c.created_at.desc(), window.c.client_id.desc())
    near = select(window).where(*_conditions(window.c, asked)).order_by(*newest)
    found = await _clients(db, near.limit(limit))
    if len(found) == limit:
        return found
    last = behind.with_only_columns(*NEWEST).offset(size - 1).limit(1)
    end = (await db.execute(last)).one_or_none()
    if end is None:  # the window has all
        return found
    place = (end.created_at, end.client_id)
    return found + await _far(db, asked, place, limit - len(found))


async def _far(db: Connection, asked: Asked, before: Place, limit: int) -> list[ClientView]:
    """Return the first clients behind `before` that have tags or a code, by their words.

    Words are some seconds old. So those that have changed since are looked at themselves, and of
    the others so many more are taken as may have lost what is asked for meanwhile.
    """
    conditions = _conditions(tables.clients.c, asked)
    noted = select(func.unnest(tables.client_changes.c.client_ids)).limit(CHANGED + 1)
    changed = (await db.scalars(noted)).all()
    if len(changed) <= CHANGED:
        most = limit + len(changed)
        had = await found_ids(db, asked, before=before, limit=most)
        one_of = tables.clients.c.client_id == any_(cast([*had, *changed], ARRAY(Uuid)))
        found = await _clients(db, _of_few([*conditions, one_of], before, limit))
        if len(found) == limit or len(had) < most:
            return found
    return await _clients(db, _of_few(conditions, before, limit))


def _has_words(asked: Asked) -> ColumnElement[bool]:
    """Return the condition that a client has the words that were typed."""
    words, query = tables.client_search.c, query_of(asked.typed)
    has = words.words.bool_op("@@")(cast(query, TSQUERY)) if query else false()
    own = words.client_id == tables.clients.c.client_id
    return exists(select(words.client_id).where(own, has))


def _conditions(
    columns: ReadOnlyColumnCollection[str, Any], asked: Asked
) -> list[ColumnElement[bool]]:
    """Return the conditions on the clients themselves, written as the indexes have them."""
    conditions: list[ColumnElement[bool]] = []
    if asked.phone is not None:
        conditions.append(columns.phone == asked.phone)
    if asked.operator_code is not None:
        own_code = array([columns.operator_code]).bool_op("@>")
        conditions.append(own_code(cast([asked.operator_code], ARRAY(Text))))
    if asked.tags:
        conditions.append(columns.tags.bool_op("@>")(list(asked.tags)))
    return conditions


async def _clients(db: Connection, page: Select[Any]) -> list[ClientView]:
    return [ClientView.model_validate(row) for row in await db.execute(page)]
