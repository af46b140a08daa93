"""What a channel needs of a client, and what of a gateway's words others may read."""

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.contact import (
    CLIENT_REMOVED,
    NO_EMAIL,
    NO_PHONE,
    Channel,
    Contact,
    Rejection,
    cannot_send,
    names_client,
    public_gateway_id,
    without_contact,
)
from shared.template import compile_template

ANNA = Contact("79161234567", "916", "Europe/Moscow", "Anna@example.com", "Anna", None)
BY_PHONE, BY_EMAIL, ANYHOW = Channel("phone"), Channel("email"), Channel(None)


@pytest.mark.parametrize(
    ("channel", "contact", "rejection"),
    [
        (BY_PHONE, ANNA, None),
        (BY_EMAIL, ANNA, None),
        (ANYHOW, ANNA, None),
        (BY_PHONE, replace(ANNA, phone=None), NO_PHONE),
        (BY_EMAIL, replace(ANNA, phone=None), None),
        (ANYHOW, replace(ANNA, phone=None), None),
        (BY_PHONE, replace(ANNA, email=None), None),
        (BY_EMAIL, replace(ANNA, email=None), NO_EMAIL),
        (ANYHOW, replace(ANNA, email=None), None),
        (BY_PHONE, None, CLIENT_REMOVED),
        (BY_EMAIL, None, CLIENT_REMOVED),
        (ANYHOW, None, CLIENT_REMOVED),
    ],
)
def test_a_client_is_reached_only_with_what_the_channel_needs(
    channel: Channel, contact: Contact | None, rejection: Rejection | None
) -> None:
    assert cannot_send(channel, contact) is rejection


@pytest.mark.parametrize("channel", [BY_PHONE, BY_EMAIL, ANYHOW])
def test_who_has_nothing_is_rejected_for_the_same_reason(channel: Channel) -> None:
    nothing = Contact(None, None, None, None, None, None)

    assert without_contact(channel) is cannot_send(channel, nothing)


@pytest.mark.parametrize(
    ("own", "is_public"),
    [
        (None, False),
        ("", True),
        ("gw-1", True),
        ("echo-79161234567-1", False),
        ("+79161234567", False),
        ("89161234567", False),
        ("9161234567", False),
        ("79161234568", True),
        ("anna@example.com", False),
        ("<Anna@Example.COM>.1", False),
        ("ann@example.com", True),
        ("1@gateway", True),
    ],
)
def test_a_gateways_identifier_is_public_if_it_does_not_name_the_client(
    own: str | None, *, is_public: bool
) -> None:
    assert public_gateway_id(own, ANNA) == (own if is_public else None)
    assert public_gateway_id(own, replace(ANNA, phone=None, email=None)) == own


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("", False),
        ('{"id":"gw-1","status":"accepted"}', False),
        ("sent to 79161234567", True),
        ("sent to 8-9161234567", True),
        ("sent to anna@EXAMPLE.com", True),
        ("for Anna", True),
        ("owes 300", True),
        ("for A", False),
    ],
)
def test_a_text_names_a_client_by_whatever_it_has_of_the_contact(
    text: str, *, is_named: bool
) -> None:
    assert names_client(text, replace(ANNA, comment="owes 300")) == is_named
    assert not names_client(text, Contact(None, None, None, None, "A", None))


def test_a_template_is_rendered_with_the_clients_data_and_gaps_stay_empty() -> None:
    template = compile_template(
        "{{ full_name }} {{phone}} {{ email }}{{ operator_code }} {{ time_zone }}{{ comment }}!",
        "/body",
    )

    rendered = template.render(replace(ANNA, email=None))

    assert rendered == "Anna 79161234567 916 Europe/Moscow!"
