"""The rules of a client: what may be asked of it, and what it may be like."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.catalog.domain.client import (
    ChangeClient,
    ClientDiffers,
    ClientEvent,
    ClientInvalid,
    ClientUnknown,
    ClientWasDeleted,
    Profile,
    RegisterClient,
    RemoveClient,
    checked,
    client,
)
from shared.contracts.catalog import ClientChanged, ClientRegistered, ClientRemoved
from shared.errors import Error
from shared.testing import Scenario

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ID = UUID(int=1)
ANNA = Profile(phone="79161234567", operator_code="916", full_name="Anna", tags=("vip",))

register = RegisterClient(client_id=ID, profile=ANNA, now=NOW)
register_other = replace(register, profile=msgspec.structs.replace(ANNA, full_name="Boris"))
change = ChangeClient(client_id=ID, changes={"comment": "calls back"}, now=NOW)
change_nothing = ChangeClient(client_id=ID, changes={"full_name": "Anna"}, now=NOW)
remove = RemoveClient(client_id=ID, now=NOW)

registered = ClientRegistered(client_id=ID, registered_at=NOW, **ANNA.as_dict())
changed = ClientChanged(
    client_id=ID,
    changed_at=NOW,
    registered_at=NOW,
    **ANNA.as_dict() | {"comment": "calls back"},
)
removed = ClientRemoved(client_id=ID)

CELLS: list[tuple[tuple[ClientEvent, ...], Any, ClientEvent | type[Error] | None]] = [
    ((), register, registered),
    ((), change, ClientUnknown),
    ((), remove, ClientUnknown),
    ((registered,), register, None),
    ((registered,), register_other, ClientDiffers),
    ((registered,), change, changed),
    ((registered,), change_nothing, None),
    ((registered,), remove, removed),
    ((registered, changed), register, None),
    ((registered, changed), change, None),
    ((registered, changed), remove, removed),
    ((registered, removed), register, ClientWasDeleted),
    ((registered, removed), register_other, ClientDiffers),
    ((registered, removed), change, ClientUnknown),
    ((registered, removed), remove, None),
]


@pytest.mark.parametrize(("history", "command", "answer"), CELLS)
def test_every_command_has_an_answer_in_every_state(
    history: tuple[ClientEvent, ...],
    command: Any,
    answer: ClientEvent | type[Error] | None,
) -> None:
    scenario = Scenario(client).given(*history)

    if isinstance(answer, type):
        with pytest.raises(answer):
            scenario.when(command)
    else:
        assert scenario.when(command) == ([] if answer is None else [answer])


def test_the_operator_code_follows_from_the_phone() -> None:
    assert checked({"phone": "79161234567"}).operator_code == "916"


def test_an_operator_code_that_is_given_stands() -> None:
    assert checked({"phone": "79161234567", "operator_code": "999"}).operator_code == "999"


def test_an_operator_code_stays_when_something_else_changes() -> None:
    known = checked({"phone": "79161234567", "operator_code": "999"})

    assert checked({"comment": "new"}, known).operator_code == "999"


def test_another_phone_brings_its_own_operator_code() -> None:
    known = checked({"phone": "79161234567", "operator_code": "999"})

    assert checked({"phone": "79031234567"}, known).operator_code == "903"


def test_an_operator_code_that_is_emptied_follows_from_the_phone_again() -> None:
    known = checked({"phone": "79161234567", "operator_code": "999"})

    assert checked({"operator_code": None}, known).operator_code == "916"


def test_an_address_is_enough() -> None:
    profile = checked({"email": "anna@example.com"})

    assert (profile.phone, profile.operator_code) == (None, None)


def test_what_is_not_named_stays_and_what_is_null_goes() -> None:
    known = checked({"phone": "79161234567", "full_name": "Anna", "comment": "calls back"})

    after = checked({"comment": None}, known)

    assert after == msgspec.structs.replace(known, comment=None)


def test_of_a_tag_that_comes_twice_one_is_kept_in_its_place() -> None:
    assert checked({"phone": "79161234567", "tags": ("b", "a", "b")}).tags == ("b", "a")


PHONE = {"phone": "79161234567"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, ("/phone", "missing")),
        ({"phone": "89161234567"}, ("/phone", "phone")),
        ({"phone": "7916123456"}, ("/phone", "phone")),
        ({"phone": "+79161234567"}, ("/phone", "phone")),
        ({"phone": "7916123456\N{ARABIC-INDIC DIGIT SEVEN}"}, ("/phone", "phone")),
        ({"phone": "79161234567\n"}, ("/phone", "phone")),
        (PHONE | {"operator_code": "91"}, ("/operator_code", "operator_code")),
        (PHONE | {"time_zone": "Europe/Petushki"}, ("/time_zone", "time_zone")),
        (PHONE | {"time_zone": "../UTC"}, ("/time_zone", "time_zone")),
        ({"email": "anna"}, ("/email", "email")),
        ({"email": "anna@home"}, ("/email", "email")),
        ({"email": "an na@example.com"}, ("/email", "email")),
        ({"email": f"a@{'b' * 250}.com"}, ("/email", "too_long")),
        (PHONE | {"full_name": "n" * 201}, ("/full_name", "too_long")),
        (PHONE | {"full_name": "n\0"}, ("/full_name", "control_character")),
        (PHONE | {"comment": "c" * 2001}, ("/comment", "too_long")),
        (PHONE | {"tags": ("",)}, ("/tags", "tags")),
        (PHONE | {"tags": ("t" * 101,)}, ("/tags", "tags")),
        (PHONE | {"tags": ("t\0",)}, ("/tags", "tags")),
        (PHONE | {"tags": ("t\x1f",)}, ("/tags", "tags")),
        (PHONE | {"tags": tuple(map(str, range(51)))}, ("/tags", "tags")),
    ],
)
def test_a_client_that_cannot_be_is_refused_with_its_place(
    fields: dict[str, Any], place: tuple[str, str]
) -> None:
    with pytest.raises(ClientInvalid) as refusal:
        checked(fields)

    assert [(each.pointer, each.code) for each in refusal.value.field_errors] == [place]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ClientInvalid) as refusal:
        checked({"phone": "1", "time_zone": "Moscow", "tags": ("",)})

    assert {each.pointer for each in refusal.value.field_errors} == {
        "/phone",
        "/time_zone",
        "/tags",
    }


def test_the_last_contact_cannot_be_taken_away() -> None:
    with pytest.raises(ClientInvalid):
        Scenario(client).given(registered).when(replace(change, changes={"phone": None}))
