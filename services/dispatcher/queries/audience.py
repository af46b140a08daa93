"""Whom a mailing would go to, before it is saved: how many, who is left out, and who they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from services.dispatcher.domain.contact import NO_EMAIL, NO_PHONE
from services.dispatcher.queue.audience import SAME, Audience, Contact, audience_of
from shared.contracts.catalog import Filter
from shared.database import Connection, sql
from shared.http import View

SAME_CONTACT = "same_contact"  # the reason of those for whom another one stands
NO_CONTACT = {"phone": NO_PHONE.reason, "email": NO_EMAIL.reason}
# Clients that are looked at: for a person who asks it takes some tenths of a second a million.
MOST = 5_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose preview is asked for: a filter, and what the gateway needs of a client."""

    filter: Filter
    contact: Contact | None

    @property
    def audience(self) -> Audience:
        """Return whom the filter selects now."""
        return audience_of(self.filter, None)

    @property
    def doubled(self) -> Contact | None:
        """Return of which contact no two are sent something; None: that is not asked for."""
        return self.contact if self.filter.one_per_contact else None


class LeftOutView(View):
    """Why clients that a filter selects would get nothing, and how many."""

    reason: str = Field(examples=["no_phone"])
    clients: int


class AudienceView(View):
    """How many clients a filter selects, and how many would get a message."""

    selected: int = Field(description="Clients that the filter selects now.")
    is_whole: bool = Field(description="False: there are more, which are not counted.")
    messages: int = Field(description="Of them, those who would be sent something.")
    left_out: list[LeftOutView] = Field(description="The rest, by reason.")


class PreviewedClient(View):
    """A client that a filter selects."""

    client_id: UUID
    contact: str | None = Field(
        description="What its gateway writes to, masked.", examples=["7916*****67"]
    )
    operator_code: str | None
    time_zone: str | None
    tags: list[str]
    left_out: str | None = Field(
        description="Why it would be sent nothing; none: it would be.", examples=[None]
    )


COUNT = """
    WITH looked_at AS MATERIALIZED (
        SELECT client_id, {contact} AS contact, {same} AS same
        FROM clients WHERE {chosen} LIMIT :most
    )
    SELECT count(*) AS selected, count(contact) AS reachable, ({different}) AS different
    FROM looked_at
"""
DIFFERENT = (
    "SELECT count(*) FROM (SELECT FROM looked_at WHERE same IS NOT NULL GROUP BY same) AS d"
)


async def count(db: Connection, wanted: Wanted) -> AudienceView:
    """Return how many clients an audience has, and how many of them would get nothing."""
    audience, contact = wanted.audience, wanted.contact
    statement = sql(
        COUNT,
        contact=contact or "client_id",
        same="NULL" if contact is None else SAME[contact],
        chosen=audience.chosen,
        different=DIFFERENT if wanted.doubled else "count(contact)",
    )
    row = (await db.execute(statement, {**audience.values, "most": MOST + 1})).one()
    left_out = {SAME_CONTACT: row.reachable - row.different}
    if contact is not None:
        left_out[NO_CONTACT[contact]] = row.selected - row.reachable
    selected = min(row.selected, MOST)
    return AudienceView(
        selected=selected,
        is_whole=row.selected <= MOST,
        messages=max(selected - sum(left_out.values()), 0),
        left_out=[
            LeftOutView(reason=reason, clients=number)
            for reason, number in left_out.items()
            if number
        ],
    )


PAGE = """
    SELECT client_id, phone, email, operator_code, time_zone, tags FROM clients
    WHERE client_id > :after AND {chosen} ORDER BY client_id LIMIT :limit
"""


async def page(db: Connection, wanted: Wanted, after: UUID, limit: int) -> list[PreviewedClient]:
    """Return up to `limit` clients of an audience from behind `after`, in their order."""
    audience = wanted.audience
    values = {**audience.values, "after": after, "limit": limit}
    statement = sql(PAGE, chosen=audience.chosen)
    rows = (await db.execute(statement, values)).all()
    first = await _first_of(db, wanted, rows)
    return [_client(row, wanted, first) for row in rows]


FIRST_OF = """
    SELECT {same}, min(CAST(client_id AS text)) FROM clients
    WHERE {same} = ANY(CAST(:contacts AS text[])) AND {chosen} GROUP BY {same}
"""


async def _first_of(db: Connection, wanted: Wanted, rows: Sequence[Any]) -> dict[str, UUID]:
    """Return who stands for the contacts of a page, if one does for all that have one."""
    audience, contact = wanted.audience, wanted.doubled
    if contact is None:
        return {}
    contacts = [_same(getattr(row, contact), contact) for row in rows if getattr(row, contact)]
    statement = sql(FIRST_OF, same=SAME[contact], chosen=audience.chosen)
    values = {**audience.values, "contacts": contacts}
    return {same: UUID(first) for same, first in await db.execute(statement, values)}


def _client(row: Any, wanted: Wanted, first: Mapping[str, UUID]) -> PreviewedClient:  # noqa: ANN401 - a row of PAGE
    contact, value, reason = wanted.contact, None, None
    if contact is not None:
        value = getattr(row, contact)
        if value is None:
            reason = NO_CONTACT[contact]
        elif first.get(_same(value, contact), row.client_id) != row.client_id:
            reason = SAME_CONTACT
    return PreviewedClient(
        client_id=row.client_id,
        contact=masked_contact(value),
        operator_code=row.operator_code,
        time_zone=row.time_zone,
        tags=list(row.tags),
        left_out=reason,
    )


def _same(value: str, contact: Contact) -> str:
    return value.lower() if contact == "email" else value


def masked_contact(value: str | None) -> str | None:
    """Return a phone or an e-mail as people may recognize it who know it, and nobody else."""
    if value is None:
        return None
    local, at, domain = value.partition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    return f"{value[:4]}*****{value[-2:]}"


IDS_BY_PHONE = text("""
    SELECT phone, client_id FROM clients
    WHERE phone = ANY(CAST(:phones AS text[])) AND NOT is_removed
        AND coalesce(registered_at < 'infinity', true)
""")


async def ids_by_phone(db: Connection, phones: Collection[str]) -> dict[str, UUID]:
    """Return the identifiers of the clients that have these phones now, by phone."""
    if not phones:
        return {}
    rows = await db.execute(IDS_BY_PHONE, {"phones": list(phones)})
    return {row.phone: row.client_id for row in rows}


CONTACT_OF = text("SELECT contact FROM gateways WHERE name = :name AND NOT is_removed")


async def contact_of(db: Connection, gateway: str) -> tuple[Contact | None] | None:
    """Return what a gateway needs of a client; None: there is no such gateway."""
    row = (await db.execute(CONTACT_OF, {"name": gateway})).one_or_none()
    return None if row is None else (row.contact,)
