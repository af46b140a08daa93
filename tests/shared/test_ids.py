"""Identifiers: fresh ones, and those that follow from what they name."""

from uuid import RFC_4122, UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import ids


def test_a_new_identifier_is_of_version_seven() -> None:
    fresh = ids.new_id()

    assert (fresh.version, fresh.variant) == (7, RFC_4122)


def test_new_identifiers_differ_and_grow_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", iter(range(10**18, 2 * 10**18, 10**6)).__next__)

    fresh = [ids.new_id() for _ in range(100)]

    assert fresh == sorted(set(fresh))


def test_identifiers_of_the_same_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 10**18)

    assert len({ids.new_id() for _ in range(100)}) == 100


@pytest.mark.parametrize("made", [ids.new_id(), ids.event_id("client-1", 1)])
def test_what_is_made_here_is_a_uuid_like_any(made: UUID) -> None:
    same = UUID(str(made))

    assert isinstance(made, UUID)
    assert (made, hash(made), made.bytes) == (same, hash(same), same.bytes)
    assert msgspec.json.encode(made) == msgspec.json.encode(same)


# Frozen: were one of these to change, what was recorded before would come a second time.
FROZEN = [
    (ids.event_id("client-1", 1), "6b480519-9a3f-5558-a8dc-d3f22db83e44"),
    (ids.run_id(UUID(int=1), "once"), "2cced2e4-823d-51f0-9137-d547f9a20f21"),
    (ids.keyed_id("clients", "key"), "219f7179-9ffc-54b6-9c79-82e7ebfe255c"),
]


@pytest.mark.parametrize(("made", "expected"), FROZEN)
def test_what_follows_from_a_name_never_changes(made: UUID, expected: str) -> None:
    assert str(made) == expected


def test_what_is_named_otherwise_has_another_identifier() -> None:
    assert ids.event_id("client-1", 1) != ids.event_id("client-1", 2)
    assert ids.keyed_id("clients", "key") != ids.keyed_id("imports", "key")


@given(st.uuids(), st.lists(st.uuids()))
def test_identifiers_of_many_messages_are_those_of_each(run: UUID, clients: list[UUID]) -> None:
    assert ids.message_ids(run, clients) == [ids.message_id(run, each) for each in clients]


@given(st.uuids(), st.uuids())
def test_a_messages_identifier_holds_run_and_client(run: UUID, client: UUID) -> None:
    message_id = ids.message_id(run, client)

    assert len(message_id) == 43
    assert ids.run_and_client(message_id) == (run, client)


NO_IDENTIFIERS = ["", "a", *("A" * n for n in (42, 44)), "=" * 43, "\xfc" * 43, "A" * 42 + "!"]
NOT_CANONICAL = "A" * 42 + "B"  # decodes, but was never written


@pytest.mark.parametrize("text", [*NO_IDENTIFIERS, NOT_CANONICAL])
def test_what_is_no_messages_identifier_holds_nothing(text: str) -> None:
    assert ids.run_and_client(text) is None
