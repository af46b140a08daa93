"""Queries: rows of the catalog in, views out. Nothing is changed here."""

from enum import StrEnum, auto
from uuid import UUID

from pydantic import Field
from sqlalchemy import JSON, Select, false, func, literal_column, select, true, tuple_

from services.catalog import tables
from services.catalog.domain.client import ClientUnknown
from services.catalog.domain.imports import ImportUnknown
from services.catalog.domain.mailing import MailingUnknown
from services.catalog.domain.plan import GatewayName
from shared.contracts.catalog import Filter
from shared.database import Connection
from shared.event import Instant
from shared.http import View


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
    version: int
    created_at: Instant
    changed_at: Instant


class FilterView(View):
    """Whom a mailing is for; an empty list doesn't restrict."""

    operator_codes: list[str]
    tags: list[str]


class MailingStatus(StrEnum):
    """The statuses of mailings that are shown."""

    CREATED = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPED = auto()
    FINISHED = auto()


class MailingView(View):
    """A mailing, as it is shown."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: FilterView
    starts_at: Instant
    ends_at: Instant
    gateway: str  # of any release, also one that knows more than this
    status: MailingStatus
    missed_reason: str | None
    version: int
    created_at: Instant
    changed_at: Instant


class MailingPreview(View):
    """What a mailing would be, and to how many it would go now."""

    starts_at: Instant
    ends_at: Instant
    clients: int
    without_contact: int  # of them: they have nothing that its gateway could write to


class RejectionCount(View):
    """How often rows were rejected for one reason; a row may have several."""

    column: str | None
    code: str
    count: int


class ImportView(View):
    """An import: how far it is, or what came of it."""

    import_id: UUID
    status: str
    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    rejection_counts: list[RejectionCount]
    bytes: int
    lines: int | None
    failure_reason: str | None
    started_at: Instant
    ended_at: Instant | None


class RejectionView(View):
    """A row that was not imported, and why."""

    row: int
    place: int
    line: int | None
    last_line: int | None
    column: str | None
    reason: str = Field(examples=["7 and ten digits, as in 79161234567"])


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


async def client_with_phone(db: Connection, phone: str) -> UUID | None:
    """Return the client that has `phone`; None if it is free."""
    table = tables.clients
    found: UUID | None = await db.scalar(select(table.c.client_id).where(table.c.phone == phone))
    return found


async def clients(
    db: Connection, *, after: UUID, limit: int, having: dict[str, str | None]
) -> list[ClientView]:
    """Return up to `limit` clients behind `after` that have what `having` names.

    `having` holds values for `phone`, `operator_code` and `tag`; none doesn't restrict.
    """
    table = tables.clients
    page = select(table).where(table.c.client_id > after).order_by(table.c.client_id)
    if having.get("phone") is not None:
        page = page.where(table.c.phone == having["phone"])
    if having.get("operator_code") is not None:
        page = page.where(table.c.operator_code == having["operator_code"])
    if having.get("tag") is not None:
        page = page.where(table.c.tags.any_() == having["tag"])
    rows = await db.execute(page.limit(limit))
    return [ClientView.model_validate(row) for row in rows]


async def mailing(db: Connection, mailing_id: UUID) -> MailingView:
    """Return one mailing.

    Raises:
        MailingUnknown: No mailing has this identifier.
    """
    table = tables.mailings
    row = (await db.execute(select(table).where(table.c.mailing_id == mailing_id))).one_or_none()
    if row is None:
        raise MailingUnknown
    return MailingView.model_validate(row)


async def mailings(
    db: Connection,
    *,
    before: tuple[Instant, UUID] | None,
    limit: int,
    status: MailingStatus | None,
) -> list[MailingView]:
    """Return up to `limit` mailings, the newest first, from behind an instant and identifier."""
    table = tables.mailings
    newest = (table.c.created_at, table.c.mailing_id)
    page = select(table).order_by(*(column.desc() for column in newest))
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    if status is not None:
        page = page.where(table.c.status == status)
    rows = await db.execute(page.limit(limit))
    return [MailingView.model_validate(row) for row in rows]


async def audience(db: Connection, wanted: Filter, gateway: str) -> tuple[int, int]:
    """Return how many clients a filter selects now, and how many of them have no contact.

    Counts them all: for a person who asks, not for what is asked often.
    """
    table = tables.clients
    lacks = table.c.phone.is_(None) if gateway == GatewayName.HTTP else false()
    counts = select(func.count(), func.count().filter(lacks)).select_from(table)
    if wanted.operator_codes:
        counts = counts.where(table.c.operator_code.in_(wanted.operator_codes))
    if wanted.tags:
        counts = counts.where(table.c.tags.op("&&")(list(wanted.tags)))
    clients, without_contact = (await db.execute(counts)).one()
    return clients, without_contact


async def import_(db: Connection, import_id: UUID) -> ImportView:
    """Return one import.

    Raises:
        ImportUnknown: No import has this identifier.
    """
    row = (await db.execute(_imports().where(tables.imports.c.import_id == import_id))).first()
    if row is None:
        raise ImportUnknown
    return ImportView.model_validate(row)


async def imports(
    db: Connection, *, before: tuple[Instant, UUID] | None, limit: int
) -> list[ImportView]:
    """Return up to `limit` imports, the newest first, from behind an instant and identifier."""
    newest = (tables.imports.c.started_at, tables.imports.c.import_id)
    page = _imports().order_by(*(column.desc() for column in newest))
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    rows = await db.execute(page.limit(limit))
    return [ImportView.model_validate(row) for row in rows]


# Of each import, the most frequent first.
REJECTION_COUNTS = literal_column(
    """
    (SELECT coalesce(json_agg(counted), '[]') FROM (
        SELECT nullif("column", '') AS "column", code, count FROM import_rejection_counts c
        WHERE c.import_id = imports.import_id ORDER BY count DESC, "column", code
    ) AS counted)
    """,
    type_=JSON,
)


def _imports() -> Select[tuple[object, ...]]:
    table = tables.imports.c
    return select(
        table.import_id,
        table.status,
        table.row_count.label("rows"),
        table.created_count.label("created"),
        table.changed_count.label("changed"),
        table.unchanged_count.label("unchanged"),
        table.rejected_count.label("rejected"),
        REJECTION_COUNTS.label("rejection_counts"),
        table.size_bytes.label("bytes"),
        table.line_count.label("lines"),
        table.failure_reason,
        table.started_at,
        table.ended_at,
    ).where(table.status != "deleted")


async def rejections(
    db: Connection, import_id: UUID, *, after: tuple[int, int], limit: int
) -> list[RejectionView]:
    """Return up to `limit` rejections of an import, from behind a row and a place in it.

    Raises:
        ImportUnknown: No import has this identifier.
    """
    imports, table = tables.imports, tables.import_rejections
    found = select(table).where(
        table.c.import_id == import_id, tuple_(table.c.row, table.c.place) > tuple_(*after)
    )
    page = found.order_by(table.c.row, table.c.place).limit(limit).subquery("page")
    query = select(page).select_from(imports.outerjoin(page, true()))
    query = query.where(imports.c.import_id == import_id, imports.c.status != "deleted")
    rows = (await db.execute(query.order_by(page.c.row, page.c.place))).all()
    if not rows:
        raise ImportUnknown
    return [RejectionView.model_validate(row) for row in rows if row.row is not None]
