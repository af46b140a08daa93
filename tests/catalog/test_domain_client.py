"""The rules of a client: what may be asked of it, and what it may be like."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.client import (
    ChangeClient,
    ClientDiffers,
    ClientEvent,
    ClientUnknown,
    ClientWasDeleted,
    RegisterClient,
    RemoveClient,
    client,
)
from services.catalog.domain.profile import (
    FIELDS,
    TAGS,
    ClientInvalid,
    Profile,
    are_sound,
    checked,
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


def test_the_event_of_a_new_client_has_all_that_is_known_of_it() -> None:
    values: dict[str, Any] = {name: name for name in FIELDS} | {"tags": ("vip",)}
    whole = Profile(**values)

    [event] = Scenario(client).when(replace(register, profile=whole))

    assert event == ClientRegistered(client_id=ID, registered_at=NOW, **whole.as_dict())


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


MISTAKES: list[tuple[dict[str, Any], tuple[str, str]]] = [
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
    (PHONE | {"preferred_times": "at noon"}, ("/preferred_times", "preferred_times")),
    (PHONE | {"external_id": "\N{HANGUL FILLER}"}, ("/external_id", "blank")),
    (PHONE | {"full_name": "n" * 201}, ("/full_name", "too_long")),
    (PHONE | {"full_name": "n\0"}, ("/full_name", "control_character")),
    (PHONE | {"comment": "c" * 2001}, ("/comment", "too_long")),
    (PHONE | {"tags": ("",)}, ("/tags", "tags")),
    (PHONE | {"tags": ("t" * 101,)}, ("/tags", "tags")),
    (PHONE | {"tags": ("t\0",)}, ("/tags", "tags")),
    (PHONE | {"tags": ("t\x1f",)}, ("/tags", "tags")),
    (PHONE | {"tags": tuple(map(str, range(51)))}, ("/tags", "tags")),
]


@pytest.mark.parametrize(("fields", "place"), MISTAKES)
def test_a_client_that_cannot_be_is_refused_with_its_place(
    fields: dict[str, Any], place: tuple[str, str]
) -> None:
    with pytest.raises(ClientInvalid) as refusal:
        checked(fields)

    assert [(each.pointer, each.code) for each in refusal.value.field_errors] == [place]


def test_each_field_has_a_value_among_those_with_a_mistake() -> None:
    assert {place.removeprefix("/") for _, (place, _) in MISTAKES} == set(FIELDS)


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


SOUND: list[dict[str, Any]] = [
    PHONE | {"full_name": "Anna", "tags": ("vip", "b"), "time_zone": "Europe/Moscow"},
    {"email": "Boris@example.com", "operator_code": "916", "comment": None, "tags": ()},
    {"phone": None, "external_id": "17", "preferred_times": "mon-fri 09:00", "full_name": ""},
]


def test_many_sound_values_are_found_to_be() -> None:
    assert are_sound(SOUND)


@pytest.mark.parametrize("fields", [fields for fields, _ in MISTAKES if fields])
def test_of_many_values_one_with_a_mistake_is_found(fields: dict[str, Any]) -> None:
    assert not are_sound([*SOUND, fields, *SOUND])


@pytest.mark.parametrize(
    "phones",
    [["79161234567\n79161234568"], ["7916123456779161234568"], ["7916123456", "779161234567"]],
)
def test_of_phones_each_is_one_by_itself(phones: list[str]) -> None:
    assert not are_sound([{"phone": each} for each in phones])


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "phone": st.from_regex(r"7?\d{9,11}(\n?7\d{10})?\n?", fullmatch=True),
    "operator_code": st.from_regex(r"\d{2,4}", fullmatch=True),
    "tags": st.lists(st.text(max_size=2), max_size=3).map(tuple),
    "time_zone": st.sampled_from(["Europe/Moscow", "UTC", "utc", "Europe/Petushki"]),
    "email": st.sampled_from(["a@b.ru", "a@b", "a b@c.ru", "\u00a0a@b.ru", "a@b.ru\n"]),
    "full_name": st.text(max_size=4),
    "comment": st.text(max_size=4),
    "preferred_times": st.sampled_from(["mon 9:00", "mon", "9:00", "", "25:00"]),
    "external_id": st.text(max_size=3),
}


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={n: st.none() | v for n, v in VALUES.items()}),
        max_size=3,
    )
)
def test_sound_values_have_no_mistake_when_each_is_looked_at(many: list[dict[str, Any]]) -> None:
    def refused(fields: dict[str, Any], *, sound: bool) -> bool:
        try:
            checked(fields, ANNA, is_sound=sound)
        except ClientInvalid:
            return True
        return False

    if are_sound(many):
        for fields in many:
            assert refused(fields, sound=True) == refused(fields, sound=False)


def test_sound_values_do_not_make_a_client_without_a_phone_or_an_email() -> None:
    with pytest.raises(ClientInvalid):
        checked({"full_name": "Anna"}, is_sound=True)


def test_sound_tags_that_are_too_many_together_are_refused() -> None:
    many = tuple(map(str, range(TAGS + 1)))

    assert are_sound([{"tags": many[:-1]}, {"tags": many[-1:]}])
    with pytest.raises(ClientInvalid):
        checked({"tags": many}, ANNA, is_sound=True)
