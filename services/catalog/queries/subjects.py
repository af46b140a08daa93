"""Subjects: all that the catalog has of a person, and what it keeps of one that was erased."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import select, text

from services.catalog import tables
from services.catalog.domain.client import ClientUnknown, client
from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.erasing import traces_of
from services.catalog.domain.imports import RejectionCode
from services.catalog.queries.clients import ClientView
from services.catalog.queries.suppressions import SuppressionView, suppressions
from services.catalog.queue.erasing import erasure, rows_of_person
from shared.database import Connection
from shared.event import Instant
from shared.event_store.postgres import load
from shared.http import View

MOST = 1_000  # suppressions of one person


class ErasedClientView(View):
    """What was done to erase a client, and what is kept."""

    client_id: UUID
    erased_at: Instant = Field(description="The first time, should it have been asked for again.")
    log_compacted_by: Instant = Field(
        description="From then on Kafka compacts what older records of the topic say."
    )
    kept_suppressions: list[SuppressionView] = Field(
        description="Hashes by which the person goes on to get nothing, should it come again."
    )


class EventView(View):
    """An event of the client's stream, as it is stored."""

    version: int
    type: str = Field(examples=["ClientRegistered.v1"])
    recorded_at: Instant
    data: dict[str, Any] = Field(examples=[{"phone": "79161234567"}])


class RejectedRowView(View):
    """A row of a file that was rejected, and names the person."""

    import_id: UUID
    row: int
    line: int | None
    last_line: int | None
    column: str | None
    code: RejectionCode | None = Field(description="None: the import is of an older release.")
    reason: str
    raw: str = Field(description="As it was read.")


class SubjectDataView(View):
    """All that the catalog has of a person."""

    client: ClientView | None = Field(description="None: it is removed, or erased.")
    erased_at: Instant | None
    events: list[EventView]
    suppressions: list[SuppressionView]
    rejected_rows: list[RejectedRowView]


EVENTS = text("""
    SELECT version, type, recorded_at, CAST(data AS jsonb) AS data FROM events
    WHERE stream = :stream ORDER BY version
""")


async def subject_data(db: Connection, keys: ContactKeys, client_id: UUID) -> SubjectDataView:
    """Return what there is of a client and whoever it was.

    Raises:
        ClientUnknown: There never was such a client.
    """
    stream = f"client-{client_id}"
    events = (await db.execute(EVENTS, {"stream": stream})).all()
    if not events:
        raise ClientUnknown
    traces = traces_of(await load(db, stream, client.events))
    erased = await erasure(db, client_id)
    names = {str(client_id), *traces.hashes(keys), *(erased[1] if erased else ())}
    table = tables.clients
    shown = (await db.execute(select(table).where(table.c.client_id == client_id))).first()
    rows = await rows_of_person(db, traces)
    return SubjectDataView(
        client=None if shown is None else ClientView.model_validate(shown),
        erased_at=erased[0] if erased else None,
        events=[EventView.model_validate(each) for each in events],
        suppressions=await kept_suppressions(db, names),
        rejected_rows=[RejectedRowView.model_validate(each) for each in rows],
    )


async def kept_suppressions(db: Connection, names: Collection[str]) -> list[SuppressionView]:
    """Return what is suppressed under these names."""
    return await suppressions(db, before=None, limit=MOST, subjects=names)
