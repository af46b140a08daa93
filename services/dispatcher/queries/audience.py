"""Whom a mailing would go to, before it is saved: how many, who is left out, and who they are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import text

from services.dispatcher.domain.contact import NO_EMAIL, NO_PHONE
from services.dispatcher.queue.audience import SAME, Audience, Contact, audience_of
from services.dispatcher.queue.suppressions import HAS_SUPPRESSIONS, SUBJECTS
from shared.contracts.catalog import Filter
from shared.database import Connection, fragment, sql
from shared.http import View

# Clients that are looked at: for a person who asks it takes some tenths of a second a million.
MOST = 5_000_000


class LeftOut(StrEnum):
    """Why a client that a filter selects would get nothing."""

    NO_PHONE = NO_PHONE.reason
    NO_EMAIL = NO_EMAIL.reason
    SAME_CONTACT = "same_contact"  # another one stands for it
    SUPPRESSED = "suppressed"


NO_CONTACT = {"phone": LeftOut.NO_PHONE, "email": LeftOut.NO_EMAIL}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose preview is asked for: a filter, what the gateway needs of a client, and a topic."""

    filter: Filter
    contact: Contact | None
    topic: str | None = None

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
    left_out: LeftOut | None = Field(
        description="Why it would be sent nothing; none: it would be.", examples=[None]
    )


# As messages of a run are judged when they are claimed; false, where nothing is suppressed.
IS_SUPPRESSED = """
    EXISTS (
        SELECT FROM suppressions WHERE subject = ANY ({subjects})
            AND reasons ?| ARRAY['', coalesce(CAST(:topic AS text), '')]
    )
"""


async def _suppressed(db: Connection, wanted: Wanted) -> str:
    """Return SQL that is true for clients that are suppressed."""
    if not await db.scalar(sql("SELECT {any}", any=HAS_SUPPRESSIONS)):
        return "false"
    contact = "CAST(NULL AS text)" if wanted.contact is None else f"'{wanted.contact}'"
    subjects = fragment(SUBJECTS, client="clients", contact=contact)
    return fragment(IS_SUPPRESSED, subjects=subjects)


COUNT = """
    WITH looked_at AS MATERIALIZED (
        SELECT {contact} AS contact, {nth} AS nth, {suppressed} AS is_suppressed
        FROM clients WHERE {chosen} LIMIT :most
    )
    SELECT count(*) AS selected, count(contact) AS reachable,
        count(contact) FILTER (WHERE nth = 1) AS different,
        count(contact) FILTER (WHERE nth = 1 AND is_suppressed) AS suppressed
    FROM looked_at
"""
NTH = 'row_number() OVER (PARTITION BY {same} COLLATE "C" ORDER BY client_id)'


async def count(db: Connection, wanted: Wanted) -> AudienceView:
    """Return how many clients an audience has, and how many of them would get nothing."""
    audience, contact = wanted.audience, wanted.contact
    statement = sql(
        COUNT,
        contact=contact or "client_id",
        nth=fragment(NTH, same=SAME[wanted.doubled]) if wanted.doubled else "1",
        suppressed=await _suppressed(db, wanted),
        chosen=audience.chosen,
    )
    values = {**audience.values, "most": MOST + 1, "topic": wanted.topic}
    row = (await db.execute(statement, values)).one()
    left_out = {
        LeftOut.SUPPRESSED: row.suppressed,
        LeftOut.SAME_CONTACT: row.reachable - row.different,
    }
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
    SELECT client_id, phone, email, operator_code, time_zone, tags, {suppressed} AS is_suppressed
    FROM clients
    WHERE client_id > :after AND {chosen} ORDER BY client_id LIMIT :limit
"""


async def page(db: Connection, wanted: Wanted, after: UUID, limit: int) -> list[PreviewedClient]:
    """Return up to `limit` clients of an audience from behind `after`, in their order."""
    audience = wanted.audience
    values = {**audience.values, "after": after, "limit": limit, "topic": wanted.topic}
    statement = sql(PAGE, chosen=audience.chosen, suppressed=await _suppressed(db, wanted))
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
            reason = LeftOut.SAME_CONTACT
    if reason is None and row.is_suppressed:
        reason = LeftOut.SUPPRESSED
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
