"""Queries: suppressions, by the page."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Text, Uuid, any_, func, literal, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from services.catalog import tables
from services.catalog.domain.contact_keys import ContactKeys, normal
from services.catalog.domain.suppression import ALL_TOPICS
from shared.contracts.catalog import SuppressedKind
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


class SuppressedClientView(View):
    """By what a client is suppressed."""

    client_id: UUID
    kind: SuppressedKind = Field(
        description="client: itself; phone, email: the contact that it has now.",
        examples=["email"],
    )
    is_whole: bool = Field(description="Of all mailings; false: only of those of some topics.")


OWNERS = text("""
    SELECT client_id FROM clients
    WHERE phone = CAST(:phone AS text) OR lower(email COLLATE "C") = CAST(:email AS text)
""")


async def owners(db: Connection, *, phone: str | None, email: str | None) -> list[UUID]:
    """Return the clients that have the phone or the e-mail."""
    values = {"phone": phone, "email": email and normal(email)}
    return list((await db.scalars(OWNERS, values)).all())


SUPPRESSED_CLIENTS = text("""
    SELECT subject, bool_or(topic = :all_topics) AS is_whole FROM suppressions
    WHERE subject = ANY(CAST(:subjects AS text[]))
    GROUP BY subject
""")


async def suppressed_clients(
    db: Connection, keys: ContactKeys, client_ids: Collection[UUID]
) -> list[SuppressedClientView]:
    """Return which of some clients are suppressed, in the order of their identifiers.

    Contacts are no more than hashes where they are suppressed: those that the clients have now are
    hashed and looked up. The other way, from a hash to its clients, nothing leads.
    """
    clients = tables.clients.c
    own = select(clients.client_id, clients.phone, clients.email).where(
        clients.client_id == any_(literal(list(client_ids), ARRAY(Uuid)))
    )
    named: list[tuple[UUID, SuppressedKind, tuple[str, ...]]] = []
    for client_id, phone, email in await db.execute(own.order_by(clients.client_id)):
        named += (
            (client_id, SuppressedKind.CLIENT, (str(client_id),)),
            (client_id, SuppressedKind.PHONE, keys.hashes(SuppressedKind.PHONE, phone)),
            (client_id, SuppressedKind.EMAIL, keys.hashes(SuppressedKind.EMAIL, email)),
        )
    subjects = [each for *_, names in named for each in names]
    values = {"subjects": subjects, "all_topics": ALL_TOPICS}
    found = {each.subject: each.is_whole for each in await db.execute(SUPPRESSED_CLIENTS, values)}
    return [
        SuppressedClientView(client_id=client_id, kind=kind, is_whole=any(hits))
        for client_id, kind, names in named
        if (hits := [found[each] for each in names if each in found])
    ]


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
