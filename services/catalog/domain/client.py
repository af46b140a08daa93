"""A client: what may be asked of it, and what follows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias, get_args
from uuid import UUID

import msgspec

from services.catalog.domain.preferring import (
    AddPreferredTime,
    DeletePreferredTime,
    canonical_text,
    mistake_in_times,
    times_after,
)
from services.catalog.domain.text import is_one_line, is_plain, mistake
from shared.contracts.catalog import ClientChanged, ClientRegistered, ClientRemoved
from shared.decider import Decider
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.event import Instant
from shared.phone import is_phone
from shared.schedule import zone_names

OPERATOR_CODE = re.compile(r"\d{3}", re.ASCII)
# Enough to catch what is no address; whether it exists, only a mail can show. The local part has
# nothing that a head of a message reads otherwise; the domain is a name, not an address.
LOCAL = r"""[^\s\x00-\x20\x7f-\x9f()<>\[\]:;@\\,"]{1,64}"""
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
EMAIL = re.compile(rf"{LOCAL}@(?:{LABEL}\.)+(?!\d+$){LABEL}")

# Characters. Generous: they bound what a row may cost, nothing else.
EMAIL_LIMIT = 254  # Source: RFC 5321 §4.5.3.1.3, less the angle brackets
TEXTS = (("email", EMAIL_LIMIT), ("full_name", 200), ("comment", 2000), ("external_id", 100))
TAG_LIMIT = 100
TAGS = 50  # of a client


class Profile(msgspec.Struct, frozen=True, gc=False):  # an import makes one a row
    """All that is known of a client."""

    phone: str | None = None
    operator_code: str | None = None
    tags: tuple[str, ...] = ()
    time_zone: str | None = None
    email: str | None = None
    full_name: str | None = None
    comment: str | None = None
    preferred_times: str | None = None  # as shared.preferred has them
    external_id: str | None = None  # by which another system knows the client

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return msgspec.structs.asdict(self)


FIELDS = Profile.__struct_fields__
NOBODY = Profile()


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterClient:
    """Register a client. Repeating it with the same identifier and profile has no effect."""

    client_id: UUID
    profile: Profile
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeClient:
    """Change a client; fields that are not in `changes` keep their values."""

    client_id: UUID
    changes: Mapping[str, Any]
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveClient:
    """Address the client no more."""

    client_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseClient:
    """Address the client no more, and keep nothing that is known of the person."""

    client_id: UUID
    now: Instant


ClientCommand: TypeAlias = (
    RegisterClient
    | ChangeClient
    | AddPreferredTime
    | DeletePreferredTime
    | RemoveClient
    | EraseClient
)
ClientEvent: TypeAlias = ClientRegistered | ClientChanged | ClientRemoved


# State


@dataclass(frozen=True, slots=True)
class Client:
    """All that `decide` needs to know; no profile: there is no such client (any more)."""

    profile: Profile | None = None
    registered_as: Profile | None = None
    registered_at: Instant | None = None
    is_erased: bool = False


def decide(command: ClientCommand, client: Client) -> list[ClientEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    match command:
        case RegisterClient() if client.is_erased:
            raise ClientWasDeleted
        case RemoveClient() | EraseClient() if client.is_erased:
            return []
        case RegisterClient() as c if client.registered_as is None:
            return [
                ClientRegistered(client_id=c.client_id, registered_at=c.now, **c.profile.as_dict())
            ]
        case RegisterClient() as c if client.registered_as != c.profile:
            raise ClientDiffers
        case RegisterClient() if client.profile is None:
            raise ClientWasDeleted
        case RegisterClient():
            return []
        case RemoveClient() if client.registered_as is not None and client.profile is None:
            return []
        case EraseClient() as c if client.registered_as is not None:
            return [ClientRemoved(client_id=c.client_id, is_erased=True)]
        case _ if client.profile is None:
            raise ClientUnknown
        case ChangeClient() as c:
            return _change(c, client.profile, client.registered_at)
        case AddPreferredTime() | DeletePreferredTime() as c:
            times = times_after(c, client.profile.preferred_times)
            change = ChangeClient(
                client_id=c.client_id, changes={"preferred_times": times}, now=c.now
            )
            return _change(change, client.profile, client.registered_at)
        case RemoveClient() as c:
            return [ClientRemoved(client_id=c.client_id)]
        case EraseClient():
            raise ClientUnknown


def _change(
    command: ChangeClient, profile: Profile, registered_at: Instant | None
) -> list[ClientEvent]:
    changed = checked(command.changes, profile)
    if changed == profile:
        return []
    event = ClientChanged(
        client_id=command.client_id,
        changed_at=command.now,
        registered_at=registered_at,
        **changed.as_dict(),
    )
    return [event]


def evolve(client: Client, event: ClientEvent) -> Client:
    """Apply what happened. Never fails: history is not negotiable."""
    match event:
        case ClientRegistered():
            profile = _profile(event)
            return Client(profile, profile, event.registered_at)
        case ClientChanged():
            return replace(client, profile=_profile(event))
        case ClientRemoved(is_erased=True):
            return Client(is_erased=True)
        case ClientRemoved():
            return replace(client, profile=None)


def _profile(event: ClientRegistered | ClientChanged) -> Profile:
    return Profile(**{name: getattr(event, name) for name in FIELDS})


# What a profile may say


def checked(changes: Mapping[str, Any], profile: Profile = NOBODY) -> Profile:
    """Return `profile` with `changes`, text as it was given; the operator code follows the phone.

    Raises:
        ClientInvalid: With the place of each mistake.
    """
    given = dict(changes)
    if "tags" in given:
        given["tags"] = tuple(dict.fromkeys(given["tags"] or ()))
    if "preferred_times" in given:
        given["preferred_times"] = canonical_text(given["preferred_times"])
    if given.get("operator_code") is None:
        phone = given.get("phone", profile.phone)
        same = phone == profile.phone and "operator_code" not in given
        given["operator_code"] = profile.operator_code if same else phone and phone[1:4]
    changed = msgspec.structs.replace(profile, **given)
    mistakes = _mistakes(changed)
    if new := [each for each in mistakes if _is_new(each, changed, profile)]:
        raise ClientInvalid(*new)
    return changed


def _mistakes(profile: Profile) -> list[FieldError]:
    phone, code = profile.phone, profile.operator_code
    zone, email = profile.time_zone, profile.email
    mistakes = _in_texts(profile)
    if phone is None and email is None:
        mistakes.append(FieldError("/phone", "missing", "a phone or an e-mail is needed"))
    if phone is not None and not is_phone(phone):
        mistakes.append(FieldError("/phone", "phone", "7 and ten digits, as in 79161234567"))
    elif code is not None and not OPERATOR_CODE.fullmatch(code):
        mistakes.append(FieldError("/operator_code", "operator_code", "three digits, as in 916"))
    if zone is not None and zone not in zone_names():
        mistakes.append(FieldError("/time_zone", "time_zone", "of IANA, as in Europe/Moscow"))
    if email is not None and len(email) <= EMAIL_LIMIT and not EMAIL.fullmatch(email):
        mistakes.append(FieldError("/email", "email", "as in anna@example.com"))
    if wrong := mistake_in_times(profile.preferred_times):
        mistakes.append(FieldError("/preferred_times", "preferred_times", wrong))
    return mistakes


def _is_new(found: FieldError, profile: Profile, before: Profile) -> bool:
    """Return whether a change brought it: what earlier rules have taken blocks no others."""
    name = found.pointer[1:]
    is_changed = getattr(profile, name) != getattr(before, name)
    return is_changed or found.code == "missing"


def _in_texts(profile: Profile) -> list[FieldError]:
    mistakes = []
    for name, limit in TEXTS:
        text = getattr(profile, name)
        if not text or (len(text) <= limit and is_plain(text)):
            continue
        if len(text) > limit:
            detail = f"at most {limit} characters"
            mistakes.append(FieldError(f"/{name}", "too_long", detail, (limit,)))
        elif wrong := mistake(f"/{name}", text, has_lines=name == "comment"):
            mistakes.append(wrong)
    if profile.tags and not are_tags(profile.tags):
        detail = f"at most {TAGS}, each of 1 to {TAG_LIMIT} characters, none a control character"
        mistakes.append(FieldError("/tags", "tags", detail, (TAGS, TAG_LIMIT)))
    return mistakes


@lru_cache(maxsize=500)  # most rows of an import have the tags of an earlier one
def are_tags(tags: tuple[str, ...]) -> bool:
    """Return whether they may be the tags of one client."""
    return len(tags) <= TAGS and all(map(is_tag, tags))


def is_tag(text: str) -> bool:
    """Return whether it may be a client's tag."""
    return 1 <= len(text) <= TAG_LIMIT and is_one_line(text)


# Refusals


class ClientUnknown(NotFound):
    """No client has this identifier."""


class ClientDiffers(Invalid):
    """This Idempotency-Key came before, with another client."""


class ClientWasDeleted(Conflict):
    """This Idempotency-Key came before, with a client that was deleted; take another key."""


class ClientInvalid(Invalid):
    """A client cannot be like this."""


class PhoneTaken(Conflict):
    """Another client has this phone."""


class ExternalIdTaken(Conflict):
    """Another client has this external id."""


client = Decider(initial=Client(), evolve=evolve, decide=decide, events=get_args(ClientEvent))
