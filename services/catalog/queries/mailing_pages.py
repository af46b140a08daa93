"""Queries: mailings by the page, the newest first, all of them or what is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, func, tuple_

from services.catalog.queries.mailings import SHOWN, MailingStatus, MailingView
from services.catalog.tables import mailings as table
from shared.database import Connection, sql
from shared.event import Instant
from shared.http.filters import shortened

Place: TypeAlias = tuple[Instant, UUID]

NEWEST = (table.c.created_at, table.c.mailing_id)


@dataclass(frozen=True, slots=True)
class AskedMailings:
    """What mailings must have, all of it; nothing doesn't restrict."""

    typed: str | None = None
    gateway: str | None = None
    status: MailingStatus | None = None
    mailing_ids: Sequence[UUID] | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on their rows."""
        found: list[ColumnElement[bool]] = []
        if self.gateway is not None:
            found.append(table.c.gateway == self.gateway)
        if self.status is not None:
            found.append(table.c.status == self.status)
        if self.mailing_ids is not None:
            found.append(table.c.mailing_id.in_(self.mailing_ids))
            if self.typed:
                words = func.mailing_words(table.c.name)
                found.append(words.bool_op("@@")(func.mailing_query(self.typed)))
        return found


async def mailings(
    db: Connection, asked: AskedMailings, *, before: Place, limit: int
) -> list[MailingView]:
    """Return up to `limit` mailings behind `before` with what is `asked`, the newest first."""
    page = SHOWN.order_by(*(column.desc() for column in NEWEST))
    if asked.typed and asked.mailing_ids is None:
        page = page.where(table.c.mailing_id.in_(await _found_ids(db, asked, before, limit)))
    else:
        page = page.where(tuple_(*NEWEST) < tuple_(*before), *asked.conditions).limit(limit)
    return [MailingView.model_validate(_shortened(row)) for row in await db.execute(page)]


# Mailings that are looked through in their order before the index is asked: cheaper than to
# collect and sort what more of them have.
WINDOW = 1_000
HAS = "mailing_words(name) @@ (SELECT mailing_query(:typed))"
# Those of a gateway or a status have an index of their order: however many others are newer, they
# are not looked at. Behind the newest ones it is the index of words that knows all that are left:
# they are few. It is not asked if the newest ones fill the page.
SELECT_FOUND = """
    WITH newest AS MATERIALIZED (
        SELECT mailing_id, created_at, name FROM mailings
        WHERE {narrowed}
            (created_at, mailing_id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))
        ORDER BY created_at DESC, mailing_id DESC LIMIT :window
    ), near AS MATERIALIZED (
        SELECT mailing_id, created_at FROM newest WHERE {has}
        ORDER BY created_at DESC, mailing_id DESC LIMIT :limit
    ), far AS MATERIALIZED (
        SELECT mailing_id, created_at FROM mailings
        WHERE {narrowed} {has} AND (SELECT count(*) < :limit FROM near)
            AND (created_at, mailing_id) < (
                SELECT created_at, mailing_id FROM newest
                ORDER BY created_at DESC, mailing_id DESC OFFSET :window - 1
            )
    )
    SELECT mailing_id FROM (SELECT * FROM near UNION ALL SELECT * FROM far) AS found
    ORDER BY created_at DESC, mailing_id DESC LIMIT :limit
"""
OF_GATEWAY, OF_STATUS = "gateway = :gateway AND ", "status = :status AND "
SELECT_OF_ANY = sql(SELECT_FOUND, narrowed="", has=HAS)
SELECT_OF_GATEWAY = sql(SELECT_FOUND, narrowed=OF_GATEWAY, has=HAS)
SELECT_OF_STATUS = sql(SELECT_FOUND, narrowed=OF_STATUS, has=HAS)
SELECT_OF_BOTH = sql(SELECT_FOUND, narrowed=OF_GATEWAY + OF_STATUS, has=HAS)


async def _found_ids(
    db: Connection, asked: AskedMailings, before: Place, limit: int
) -> Sequence[UUID]:
    """Return up to `limit` mailings whose names have the words that were typed."""
    values = {
        "typed": asked.typed,
        "at": before[0],
        "id": before[1],
        "window": WINDOW,
        "limit": limit,
    }
    narrowed = {"gateway": asked.gateway, "status": asked.status}
    values |= {name: value for name, value in narrowed.items() if value is not None}
    return (await db.scalars(_statement(asked), values)).all()


def _statement(asked: AskedMailings) -> TextClause:
    match asked.gateway, asked.status:
        case None, None:
            return SELECT_OF_ANY
        case _, None:
            return SELECT_OF_GATEWAY
        case None, _:
            return SELECT_OF_STATUS
        case _:
            return SELECT_OF_BOTH


def _shortened(row: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a row of SHOWN
    """Return a row as a list shows it, without thousands of identifiers."""
    fields: Mapping[str, Any] = row._mapping  # noqa: SLF001 - how a row is read by name
    return {**fields, "filter": shortened(fields["filter"])}
