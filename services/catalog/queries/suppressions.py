"""Queries: suppressions, by the page."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Text, any_, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from services.catalog import tables
from services.catalog.domain.contact_keys import normal
from services.catalog.domain.suppression import ALL_TOPICS
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class SuppressionView(View):
    """Something that is not wanted any more."""

    subject: str = Field(
        description="The client's identifier, or a hash of the contact.",
        examples=["eVYyZnl3TXkAYkKXayWd0w"],
    )
    kind: str = Field(description="client, phone or email", examples=["email"])
    topic: str | None = Field(description="Of mailings; none: all of them.", examples=["news"])
    reason: str = Field(examples=["unsubscribed"])
    source: str | None = Field(description="As whoever entered it named it.", examples=["shop"])
    since: Instant
    key_id: str | None = Field(
        None,
        description="Of the key by which the contact was hashed, where that is known.",
        examples=["q83vEjRW"],
    )


OWNERS = text("""
    SELECT client_id FROM clients
    WHERE phone = CAST(:phone AS text) OR lower(email COLLATE "C") = CAST(:email AS text)
""")


async def owners(db: Connection, *, phone: str | None, email: str | None) -> list[UUID]:
    """Return the clients that have the phone or the e-mail."""
    values = {"phone": phone, "email": email and normal(email)}
    return list((await db.scalars(OWNERS, values)).all())


async def suppressions(
    db: Connection,
    *,
    before: tuple[Instant, str, str] | None,
    limit: int,
    subjects: Collection[str] | None = None,
    topic: str | None = None,
    reason: str | None = None,
) -> list[SuppressionView]:
    """Return up to `limit` suppressions, the newest first, from behind one of them.

    `subjects`: only of these; `topic` and `reason`: only with these.
    """
    table = tables.suppressions.c
    newest = (table.since, table.subject, table.topic)
    page = select(
        table.subject,
        table.kind,
        func.nullif(table.topic, ALL_TOPICS).label("topic"),
        table.reason,
        table.source,
        table.since,
        table.key_id,
    ).order_by(*(column.desc() for column in newest))
    conditions: list[Any] = []
    if before is not None:
        conditions.append(tuple_(*newest) < tuple_(*before))
    if subjects is not None:
        # One value, however many they are: many clients may have one e-mail.
        conditions.append(table.subject == any_(literal(list(subjects), ARRAY(Text))))
    if topic is not None:
        conditions.append(table.topic == topic)
    if reason is not None:
        conditions.append(table.reason == reason)
    rows = await db.execute(page.where(*conditions).limit(limit))
    return [SuppressionView.model_validate(row) for row in rows]
