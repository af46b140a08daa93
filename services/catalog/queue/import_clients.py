"""Clients that the rows of an import may mean: as they are, or as a dry run would leave them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.profile import FIELDS, Profile
from services.catalog.tables import import_drafts
from shared.database import Connection, sql
from shared.event import Instant


class ExistingClient(msgspec.Struct, frozen=True, gc=False):
    """A client as its last event left it."""

    client_id: UUID
    version: int
    registered_at: Instant
    profile: Profile


@dataclass(frozen=True, slots=True)
class Wanted:
    """What rows say of their clients, by which one may be known, or may be in the way."""

    phones: Collection[str]
    external_ids: Collection[str] = ()
    emails: Collection[str] = ()  # as keys
    client_ids: Collection[UUID] = ()


@dataclass(slots=True)
class KnownClients:
    """Clients by what they are known by. Of what is unique the owner, or who had it just now."""

    by_phone: dict[str, ExistingClient] = field(default_factory=dict)
    by_external_id: dict[str, ExistingClient] = field(default_factory=dict)
    by_email: dict[str, list[UUID]] = field(default_factory=dict)
    by_id: dict[UUID, ExistingClient] = field(default_factory=dict)
    has_emails: bool = True  # whether clients are known by them

    def put(self, client: ExistingClient) -> None:
        """Know a client as it is now; what it has no more stays its own in this chunk."""
        before = self.by_id.get(client.client_id)
        self.by_id[client.client_id] = client
        self._own(client, client.profile)
        if before is not None:
            self._own(client, before.profile)
        if self.has_emails:
            self._move(client, before.profile.email if before else None)

    def _own(self, client: ExistingClient, profile: Profile) -> None:
        if profile.phone:
            self.by_phone[profile.phone] = client
        if profile.external_id:
            self.by_external_id[profile.external_id] = client

    def _move(self, client: ExistingClient, old: str | None) -> None:
        """Know a client by its e-mail, and by the one that it had before no more."""
        if client.profile.email == old:
            return
        if old and client.client_id in (others := self.by_email.get(old.lower(), [])):
            others.remove(client.client_id)
        if client.profile.email:
            self.by_email.setdefault(client.profile.email.lower(), []).append(client.client_id)


# One statement for a chunk's phones, whatever their number. They come as one text: of an array
# the driver would look at each element's type, which costs more than to find the row.
SELECT_BY_PHONE = sql(
    """
    SELECT client_id, version, created_at, {fields} FROM clients
    WHERE phone = ANY(string_to_array(:phones, ','))
""",
    fields=", ".join(FIELDS),
)
# The same by everything, each by its own index.
SELECT_BY_ANY = sql(
    """
    WITH wanted AS MATERIALIZED (
        SELECT client_id FROM clients WHERE phone = ANY(string_to_array(:phones, ','))
        UNION
        SELECT client_id FROM clients WHERE external_id = ANY(CAST(:external_ids AS text[]))
        UNION
        SELECT client_id FROM clients WHERE lower(email COLLATE "C") = ANY(ARRAY(
            SELECT lower(each COLLATE "C") FROM unnest(CAST(:emails AS text[])) AS each
        ))
        UNION
        SELECT client_id FROM clients WHERE client_id = ANY(CAST(:client_ids AS uuid[]))
    )
    SELECT clients.client_id, version, created_at, {fields}
    FROM clients JOIN wanted USING (client_id)
""",
    fields=", ".join(FIELDS),
)


async def known_clients(db: Connection, wanted: Wanted) -> KnownClients:
    """Return the clients that rows may mean, as they are just now.

    They are not locked: whoever changes one appends to its stream first, and that fences.
    """
    known = KnownClients(has_emails=bool(wanted.emails))
    if not (wanted.external_ids or wanted.emails or wanted.client_ids):
        # By phone alone, which is what nearly all files have: the others would cost a tenth more.
        rows = await db.execute(SELECT_BY_PHONE, {"phones": ",".join(wanted.phones)})
        known.by_phone = {row.phone: _existing(row) for row in rows}
        known.by_id = {each.client_id: each for each in known.by_phone.values()}
        return known
    for row in await db.execute(SELECT_BY_ANY, _values(wanted)):
        known.put(_existing(row))
    return known


def _existing(row: Any) -> ExistingClient:  # noqa: ANN401 - of either statement
    client_id, version, since, phone, code, tags, *rest = row
    return ExistingClient(client_id, version, since, Profile(phone, code, tuple(tags), *rest))


def _values(wanted: Wanted) -> dict[str, Any]:
    return {
        "phones": ",".join(wanted.phones),
        "external_ids": list(wanted.external_ids),
        "emails": list(wanted.emails),
        "client_ids": list(wanted.client_ids),
    }


SELECT_DRAFTS = sql(
    """
    SELECT state FROM import_drafts WHERE import_id = :import_id AND (
        phone = ANY(string_to_array(:phones, ','))
        OR external_id = ANY(CAST(:external_ids AS text[]))
        OR lower(email COLLATE "C") = ANY(ARRAY(
            SELECT lower(each COLLATE "C") FROM unnest(CAST(:emails AS text[])) AS each
        ))
        OR client_id = ANY(CAST(:client_ids AS uuid[]))
    )
"""
)
_draft = msgspec.msgpack.Decoder(ExistingClient)


async def add_drafts(db: Connection, import_id: UUID, wanted: Wanted, known: KnownClients) -> None:
    """Put clients as a dry run would have left them in place of those that are there."""
    values = _values(wanted)
    values["client_ids"] = [*wanted.client_ids, *known.by_id]  # those that have changed otherwise
    rows = await db.scalars(SELECT_DRAFTS, values | {"import_id": import_id})
    for each in rows.all():
        known.put(_draft.decode(each))


async def keep_drafts(db: Connection, import_id: UUID, clients: Sequence[ExistingClient]) -> None:
    """Keep clients as a dry run would leave them, until it ends."""
    rows = [
        {
            "import_id": import_id,
            "client_id": each.client_id,
            "phone": each.profile.phone,
            "email": each.profile.email,
            "external_id": each.profile.external_id,
            "state": msgspec.msgpack.encode(each, enc_hook=str),
        }
        for each in clients
    ]
    if not rows:
        return
    added = upsert(import_drafts)
    changed = {name: added.excluded[name] for name in ("phone", "email", "external_id", "state")}
    keys = ("import_id", "client_id")
    await db.execute(added.on_conflict_do_update(index_elements=keys, set_=changed), rows)


async def drop_drafts(db: Connection, import_id: UUID) -> None:
    """Delete what a dry run has kept."""
    await db.execute(delete(import_drafts).where(import_drafts.c.import_id == import_id))
