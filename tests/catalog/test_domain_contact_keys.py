"""Contact keys: what is published of an event of a client says the hashes of its contacts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.catalog.domain.contact_keys import NO_KEYS, ContactKeys
from shared.contracts.catalog import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    SuppressedKind,
)

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
CLIENT = UUID(int=7)
ONE, TWO = ContactKeys((b"n" * 32,)), ContactKeys((b"n" * 32, b"o" * 32))
PHONE, EMAIL = "79161234567", "Anna@example.com"


def registered(phone: str | None, email: str | None) -> ClientRegistered:
    return ClientRegistered(
        client_id=CLIENT,
        phone=phone,
        operator_code=None,
        tags=("vip", 'a "quoted" one', "}"),
        time_zone=None,
        email=email,
        full_name="Анна",
        comment='ends with "}',
        registered_at=AT,
    )


def changed(phone: str | None, email: str | None) -> ClientChanged:
    before = registered(phone, email)
    fields = {name: getattr(before, name) for name in before.__struct_fields__}
    del fields["registered_at"]
    return ClientChanged(**fields, changed_at=AT, registered_at=AT)


@pytest.mark.parametrize("keys", [ONE, TWO, NO_KEYS], ids=["one", "two", "none"])
@pytest.mark.parametrize("email", [EMAIL, None])
@pytest.mark.parametrize("phone", [PHONE, None])
@pytest.mark.parametrize("event_of", [registered, changed])
def test_what_is_published_of_a_client_is_its_event_with_the_hashes_of_its_contacts(
    event_of: Callable[..., ClientRegistered | ClientChanged],
    phone: str | None,
    email: str | None,
    keys: ContactKeys,
) -> None:
    event = event_of(phone, email)

    [published] = keys.published([(event, event.json())])

    assert type(event).read(published) == replace(
        event,
        phone_hashes=keys.hashes(SuppressedKind.PHONE, phone),
        email_hashes=keys.hashes(SuppressedKind.EMAIL, email),
    )
    assert json.loads(published) | json.loads(event.json()) == json.loads(published)


def test_of_what_has_no_contacts_the_event_itself_is_published() -> None:
    event = ClientRemoved(client_id=CLIENT)

    assert TWO.published([(event, event.json())]) == [event.json()]


@pytest.mark.parametrize(
    ("kind", "contact"), [(SuppressedKind.PHONE, PHONE), (SuppressedKind.EMAIL, EMAIL)]
)
def test_a_contact_has_a_hash_by_each_key_and_that_of_the_newest_comes_first(
    kind: SuppressedKind, contact: str
) -> None:
    older = ContactKeys((b"o" * 32,))

    assert TWO.hashes(kind, contact) == ONE.hashes(kind, contact) + older.hashes(kind, contact)
    assert len(set(TWO.hashes(kind, contact))) == 2
