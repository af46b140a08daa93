"""The plan of a chunk: which clients its rows register or change, and which rows are rejected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.catalog.domain.client import registered
from services.catalog.domain.import_options import (
    DEFAULT_OPTIONS,
    EXPORTED_KEYS,
    PHONE_ONLY,
    Empty,
    ImportOptions,
    Key,
    Mode,
    Tags,
)
from services.catalog.domain.imports import Chunk, Counts, Fields, FileRow, Rejection
from services.catalog.domain.profile import NOBODY, ClientInvalid, Profile, are_sound, checked
from services.catalog.queue.import_clients import ExistingClient, KnownClients, Wanted
from shared import ids
from shared.contracts.catalog import ClientChanged
from shared.errors import FieldError
from shared.event import Event, Instant
from shared.event_store import Append
from shared.phone import is_phone

NO_KEY = {
    Key.PHONE: [FieldError("/phone", "missing", "a row needs a phone")],
    Key.EMAIL: [FieldError("/email", "missing", "a row needs an e-mail")],
    Key.EXTERNAL_ID: [FieldError("/external_id", "missing", "a row needs an external id")],
    Key.CLIENT_ID: [FieldError("/client_id", "missing", "a row needs a client's identifier")],
}
NO_PHONE = [FieldError("/phone", "phone", "7 and ten digits, as in 79161234567")]
NO_CLIENT_ID = [FieldError("/client_id", "client_id", "no identifier of a client")]
AMBIGUOUS = [FieldError("/email", "ambiguous", "several clients have this e-mail")]
EXISTS = [FieldError("", "exists", "there is such a client, and none is to be changed")]
NOT_THERE = [FieldError("", "unknown", "there is no such client, and none is to be registered")]
TAKEN = {
    "phone": FieldError("/phone", "taken", "another client has this phone"),
    "external_id": FieldError("/external_id", "taken", "another client has this external id"),
}


class _Rejected(Exception):
    """A row is rejected."""

    def __init__(self, mistakes: Sequence[FieldError]) -> None:
        super().__init__()
        self.mistakes = mistakes


@dataclass(slots=True)
class Plan:
    """What a chunk leads to."""

    appends: list[Append]
    rejections: list[Rejection]
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    clients: list[ExistingClient] = field(default_factory=list)  # that are new or otherwise

    def reject(self, row: FileRow, mistakes: Sequence[FieldError]) -> None:
        """Reject a row."""
        self.rejections.append(Rejection(row.row, row.line, row.last_line, mistakes, row.raw))


def wanted_of(chunk: Chunk, options: ImportOptions) -> Wanted:
    """Return what the rows of a chunk say of their clients."""
    rows = [row.fields for row in chunk.rows]
    phones = {phone for row in rows if is_phone(phone := row.get("phone"))}
    ids_ = {str(value) for row in rows if (value := row.get("external_id"))}
    emails: set[str] = set()
    client_ids = {found for row in rows if (found := _uuid(row.get("client_id")))}
    if Key.EMAIL in options.keys or client_ids:
        emails = {email for row in rows if (email := row.get("email"))}
    return Wanted(phones, ids_, emails, client_ids)


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def plan_chunk(
    chunk: Chunk, known: KnownClients, now: Instant, options: ImportOptions = DEFAULT_OPTIONS
) -> Plan:
    """Return what the rows lead to; of several of one client each builds on the one before."""
    plan, events = Plan([], list(chunk.rejections)), dict[UUID, list[Event]]()
    prepared = _preparation(options)
    is_sound = are_sound([row.fields for row in chunk.rows])
    for row in chunk.rows:
        try:
            before = _client_of(row.fields, known, options)
            fields = prepared(row.fields, before) if prepared else row.fields
            profile = _profile(fields, before, known, options.mode, is_sound=is_sound)
        except _Rejected as error:
            plan.reject(row, error.mistakes)
            continue
        if before is None:
            plan.created += 1
            after = ExistingClient(ids.new_id(), 1, now, profile)
            events[after.client_id] = [registered(after.client_id, profile, now)]
        elif before.profile == profile:
            plan.unchanged += 1
            continue
        else:
            plan.changed += 1
            after = replace(before, version=before.version + 1, profile=profile)
            events.setdefault(after.client_id, []).append(_changed(after, now))
        known.put(after)
    plan.clients = [known.by_id[client_id] for client_id in events]
    plan.appends = list(map(_append, plan.clients, events.values()))
    return plan


def _profile(
    fields: Fields,
    before: ExistingClient | None,
    known: KnownClients,
    mode: Mode,
    *,
    is_sound: bool,
) -> Profile:
    """Return what a row makes of its client.

    Raises:
        _Rejected: It may not, or a client cannot be like that.
    """
    if before is not None and mode is Mode.INSERT:
        raise _Rejected(EXISTS)
    if before is None and mode is Mode.UPDATE:
        raise _Rejected(NOT_THERE)
    try:
        earlier = before.profile if before else NOBODY
        profile = checked(_of_profile(fields), earlier, is_sound=is_sound)
    except ClientInvalid as error:
        raise _Rejected(error.field_errors) from None
    _check_owners(profile, before, known)
    return profile


def _of_profile(fields: Fields) -> Fields:
    if "client_id" not in fields:
        return fields
    return {name: value for name, value in fields.items() if name != "client_id"}


def _client_of(
    fields: Fields, known: KnownClients, options: ImportOptions
) -> ExistingClient | None:
    """Return the client that a row means, by the first key that it has; None: it is a new one.

    Raises:
        _Rejected: The row has none of the keys, or a wrong one.
    """
    if not options.keys and "client_id" not in fields and is_phone(phone := fields.get("phone")):
        return _if_still(known.by_phone.get(phone), "phone", phone)  # as nearly all are
    keys = options.keys or (EXPORTED_KEYS if fields.get("client_id") else PHONE_ONLY)
    for at, key in enumerate(keys):
        value = fields.get(key)
        if value:
            found = _by(key, value, fields, known, keys[:at])
            if found or key is not Key.CLIENT_ID or len(keys) == at + 1:
                return found
    raise _Rejected(NO_KEY[keys[0]] if keys != EXPORTED_KEYS else NO_KEY[Key.PHONE])


def _by(
    key: Key, value: str, fields: Fields, known: KnownClients, earlier: Sequence[Key]
) -> ExistingClient | None:
    """Return the client that a key's value means.

    Raises:
        _Rejected: It is a wrong one, or means several.
    """
    match key:
        case Key.PHONE:
            if not is_phone(value):
                raise _Rejected(_with_others(fields, NO_PHONE))
            return _if_still(known.by_phone.get(value), "phone", value)
        case Key.EXTERNAL_ID:
            return _if_still(known.by_external_id.get(value), "external_id", value)
        case Key.EMAIL:
            return _with_email(value, known, earlier)
        case Key.CLIENT_ID:
            client_id = _uuid(value)
            if client_id is None:
                raise _Rejected(NO_CLIENT_ID)
            return known.by_id.get(client_id)


def _if_still(client: ExistingClient | None, name: str, value: str) -> ExistingClient | None:
    """Return a client that is known by a value, if no row before has taken it away.

    Raises:
        _Rejected: One has: what was just taken away is nobody's before the next chunk.
    """
    if client is not None and getattr(client.profile, name) != value:
        raise _Rejected([TAKEN[name]])
    return client


def _with_others(fields: Fields, mistakes: Sequence[FieldError]) -> Sequence[FieldError]:
    """Return the mistakes of a row whose key is one, with those of its other cells."""
    try:
        checked(_of_profile(fields))
    except ClientInvalid as error:
        return error.field_errors
    return mistakes


def _with_email(email: str, known: KnownClients, earlier: Sequence[Key]) -> ExistingClient | None:
    """Return the client with an e-mail; of a row that has no key before it, who has none as well.

    Raises:
        _Rejected: There are several.
    """
    having = [known.by_id[each] for each in known.by_email.get(email.lower(), ())]
    names = [key.value for key in earlier if key is not Key.CLIENT_ID]
    found = [each for each in having if not any(getattr(each.profile, name) for name in names)]
    if len(found) > 1:
        raise _Rejected(AMBIGUOUS)
    return found[0] if found else None


def _check_owners(profile: Profile, before: ExistingClient | None, known: KnownClients) -> None:
    """Refuse what another client has, or had until a row of this chunk: it is not free yet.

    Raises:
        _Rejected: It is.
    """
    if before is not None and _are_alike(before.profile, profile):
        return
    own = before.client_id if before else None
    phone_owner = known.by_phone.get(profile.phone) if profile.phone else None
    id_owner = known.by_external_id.get(profile.external_id) if profile.external_id else None
    if phone_owner is not None and phone_owner.client_id != own:
        raise _Rejected([TAKEN["phone"]])
    if id_owner is not None and id_owner.client_id != own:
        raise _Rejected([TAKEN["external_id"]])


def _are_alike(one: Profile, other: Profile) -> bool:
    return one.phone == other.phone and one.external_id == other.external_id


def _preparation(
    options: ImportOptions,
) -> Callable[[Fields, ExistingClient | None], Fields] | None:
    """Return what makes of a row's cells what they mean for its client; None: they say it."""
    if options.tags is Tags.REPLACE and options.empty is Empty.CLEAR:
        return None

    def prepared(fields: Fields, before: ExistingClient | None) -> Fields:
        given: dict[str, Any] = dict(fields)
        if options.empty is Empty.KEEP:
            given = {name: value for name, value in given.items() if value}
        if options.tags is Tags.ADD and before is not None and given.get("tags"):
            given["tags"] = (*before.profile.tags, *given["tags"])
        elif options.tags is Tags.ADD and before is not None:
            given.pop("tags", None)
        return given

    return prepared


def _changed(known: ExistingClient, now: Instant) -> Event:
    return ClientChanged(
        client_id=known.client_id,
        changed_at=now,
        registered_at=known.registered_at,
        **known.profile.as_dict(),
    )


def _append(known: ExistingClient, events: Sequence[Event]) -> Append:
    """Return `events`, which led to `known`, as what is to be appended to its stream."""
    return Append(f"client-{known.client_id}", events, known.version - len(events))


def counts_of(chunk: Chunk, plan: Plan) -> Counts:
    """Return what a plan makes of a chunk, in numbers."""
    return Counts(
        rows=len(chunk.rows) + len(chunk.rejections),
        created=plan.created,
        changed=plan.changed,
        unchanged=plan.unchanged,
        rejected=len(plan.rejections),
        bytes_read=chunk.bytes_read,
        lines_read=chunk.lines_read,
    )
