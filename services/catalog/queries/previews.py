"""Queries: whom a mailing would be for, and what they lack."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, case, func, literal, or_, select, text

from services.catalog.domain.client import ClientUnknown
from services.catalog.domain.gateway import Contact
from services.catalog.domain.profile import FIELDS, Profile
from services.catalog.tables import clients
from shared.audience import selection
from shared.contracts.catalog import Filter
from shared.database import Connection

# Clients that are looked at: for a person who asks it takes some tenths of a second a million.
MOST = 5_000_000


@dataclass(frozen=True, slots=True)
class Audience:
    """How many clients a filter selects now, and what they lack."""

    clients: int
    is_whole: bool  # no more were there than are looked at
    without_contact: int
    missing: dict[str, int]  # by variable: how many do not have it


async def audience(
    db: Connection, wanted: Filter, needed: Contact, variables: Sequence[str]
) -> Audience:
    """Return how many clients there are, without what is needed, and without each variable.

    Of those who have one contact, where the filter asks for that, the first is counted.
    """
    of_clients = [name for name in variables if name in clients.c]
    names = {*of_clients} | ({needed} if needed else set())
    columns = [_lacks(name).label(name) for name in sorted(names)] + [_nth(wanted, needed)]
    looked_at = select(*columns).where(_selected(wanted)).limit(MOST + 1).subquery()
    counts = (
        select(
            func.count(),
            *(func.count().filter(looked_at.c[name]).label(name) for name in sorted(names)),
        )
        .select_from(looked_at)
        .where(looked_at.c.nth == 1)
    )
    found = (await db.execute(counts)).one()
    lacking = found._mapping  # noqa: SLF001 - how a row is read by name
    return Audience(
        clients=min(found[0], MOST),
        is_whole=found[0] <= MOST,
        without_contact=lacking[needed] if needed else 0,
        missing={name: lacking[name] for name in of_clients},
    )


def _nth(wanted: Filter, needed: Contact) -> ColumnElement[int]:
    """Return the number of a client among those that have its contact; 1: it counts."""
    if not wanted.one_per_contact or needed is None:
        return literal(1).label("nth")
    column = clients.c[needed]
    same = func.lower(column) if needed == "email" else column
    as_bytes = same.collate("C")  # equal is equal in any collation, and this is the fastest
    number = func.row_number().over(partition_by=as_bytes, order_by=clients.c.client_id)
    return case((column.is_(None), 1), else_=number).label("nth")


def _lacks(name: str) -> ColumnElement[bool]:
    column = clients.c[name]
    return func.cardinality(column) == 0 if name == "tags" else or_(column.is_(None), column == "")


def _selected(wanted: Filter) -> TextClause:
    """Return what is true for the clients of a filter, with its values."""
    found = selection(wanted)
    parts = [found.where] if found.indexed is None else [found.indexed, found.where]
    where = text(" AND ".join(parts))
    names = where._bindparams  # noqa: SLF001 - the only way to know which of the values it has
    return where.bindparams(**{name: found.values[name] for name in names})


COLUMNS = (clients.c.client_id, *(clients.c[name] for name in FIELDS))


async def someone(db: Connection, wanted: Filter) -> tuple[UUID, Profile] | None:
    """Return any client that a filter selects; None: it selects nobody."""
    chosen = select(*COLUMNS).where(_selected(wanted)).limit(1)
    row = (await db.execute(chosen)).one_or_none()
    return None if row is None else _client(row)


async def one(db: Connection, client_id: UUID) -> tuple[UUID, Profile]:
    """Return one client.

    Raises:
        ClientUnknown: No client has this identifier.
    """
    chosen = select(*COLUMNS).where(clients.c.client_id == client_id)
    row = (await db.execute(chosen)).one_or_none()
    if row is None:
        raise ClientUnknown
    return _client(row)


def _client(row: Any) -> tuple[UUID, Profile]:  # noqa: ANN401 - a row of COLUMNS
    client_id, *values = row
    fields = dict(zip(FIELDS, values, strict=True))
    return client_id, Profile(**fields | {"tags": tuple(fields["tags"])})
