"""The audience of a run: what a filter selects, as SQL about the table of clients.

Whatever asks whom a filter selects, expansion, preview or count, asks by this one condition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import UUID

from sqlalchemy import TextClause

from shared.audience import selection
from shared.contracts.catalog import Filter
from shared.database import Connection, fragment, sql
from shared.event import Instant

# A client that was registered later is not in the run: its phone may be that of one who is. Bare
# contacts of test sends are registered at the end of time.
CHOSEN = """
    NOT is_removed AND coalesce(
            registered_at < coalesce(CAST(:begun_at AS timestamptz), 'infinity'), true
        )
        AND {selected}
"""


# Whose contact another one has: who stands for them is fixed before the first is written down.
# Looked up for each client, and no join, for which all of them would be read for each step.
NOT_LEFT_OUT = """
    (
        SELECT true FROM left_out
        WHERE left_out.run_id = :run_id AND left_out.client_id = clients.client_id
    ) IS NULL
"""
Contact: TypeAlias = Literal["phone", "email"]
# How contacts are compared: mail is delivered whatever the case.
SAME: Mapping[Contact, str] = {"phone": "phone", "email": "lower(email)"}


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a filter selects: the condition, and what its parameters are."""

    chosen: str
    values: dict[str, Any]
    indexed: str | None  # the part of the condition that has an index; None: no part has


def audience_of(wanted: Filter, begun_at: Instant | None, run_id: UUID | None = None) -> Audience:
    """Return whom a filter selects of those who were there at `begun_at`; None: at any time.

    `run_id`: without those whom `doubles` found.
    """
    selected = selection(wanted)
    where, values = selected.where, {**selected.values, "begun_at": begun_at}
    if run_id is not None and wanted.one_per_contact:
        where, values = f"{where} AND {NOT_LEFT_OUT}", {**values, "run_id": run_id}
    chosen = fragment(CHOSEN, selected=where)
    return Audience(chosen=chosen, values=values, indexed=selected.indexed)


SELECT_NEXT_CLIENTS = """
    SELECT client_id FROM clients WHERE client_id > :after AND {chosen}
    ORDER BY client_id LIMIT :limit
"""


def next_clients(audience: Audience) -> str:
    """Return SQL that gives the next `:limit` clients behind `:after`, in their order."""
    return fragment(SELECT_NEXT_CLIENTS, chosen=audience.chosen)


FIND_FEW = "SELECT client_id FROM clients WHERE {indexed} AND {chosen} LIMIT :limit"


async def find_few(db: Connection, audience: Audience, limit: int) -> list[UUID] | None:
    """Return the clients of an audience, in no order; None if they are not fewer than `limit`.

    Looked up by the index. To read all clients in their order is faster for many, and for few as
    slow as for all. Which it is, is found out here and not left to the planner, who goes by
    statistics that are older than an import, or by no values once it keeps a plan. For many that
    costs a few hundredths of their expansion, once.
    """
    if audience.indexed is None:
        return None
    find = sql(FIND_FEW, indexed=audience.indexed, chosen=audience.chosen)
    found = list((await db.scalars(find, {"limit": limit, **audience.values})).all())
    return found if len(found) < limit else None


SELECT_WITHOUT_CONTACT = """
    SELECT client_id FROM clients WHERE {among} AND {contact} IS NULL AND {chosen}
    ORDER BY client_id
"""
BETWEEN = "client_id > :after AND client_id <= :upto"
AMONG_FEW = "client_id = ANY(CAST(:few AS uuid[]))"


async def without_contact(
    db: Connection,
    audience: Audience,
    contact: Contact,
    *,
    after: UUID,
    upto: UUID,
    few: Sequence[UUID] | None,
) -> set[UUID]:
    """Return who of an audience lacks a contact: of the `few`, or behind `after` up to `upto`."""
    values = {"few": few} if few is not None else {"after": after, "upto": upto}
    found = await db.scalars(_select_without(audience, contact, few), values | audience.values)
    return set(found.all())


def _select_without(audience: Audience, contact: str, few: Sequence[UUID] | None) -> TextClause:
    among = BETWEEN if few is None else AMONG_FEW
    return sql(SELECT_WITHOUT_CONTACT, among=among, contact=contact, chosen=audience.chosen)
