"""The published language is frozen: each event reads what was ever sent, and writes it again."""

import re
from pathlib import Path

import msgspec
import pytest

from shared.contracts import EVENTS, NAMES, TOPICS
from shared.event import Event

GOLDEN = Path(__file__).parent / "golden"
KINDS = {kind.type_name(): kind for kind in EVENTS}


def name_of(path: Path) -> str:
    """Return the event's name: a second file of one has what was added to it later."""
    return ".".join(path.name.split(".")[:2])


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.stem)
def test_an_event_reads_its_file_and_writes_it_byte_for_byte(path: Path) -> None:
    data = path.read_bytes()

    assert KINDS[name_of(path)].read(data).json() == data


def test_every_file_is_of_an_event_and_every_event_has_one() -> None:
    assert {name_of(path) for path in GOLDEN.iterdir()} == set(KINDS)
    assert all((GOLDEN / f"{name}.json").exists() for name in KINDS)


def test_every_event_goes_to_a_topic_that_is_declared() -> None:
    assert {kind.topic.name for kind in EVENTS if kind.topic} == set(TOPICS)
    assert all(kind.topic for kind in EVENTS)


def test_every_name_is_known_to_listeners() -> None:
    assert {name.decode() for name in NAMES} == set(KINDS)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.type_name())
def test_personal_data_stands_only_in_what_the_catalog_says_of_clients(kind: type[Event]) -> None:
    personal = {"phone", "email", "full_name", "comment"}

    has_some = bool(personal & set(kind.__struct_fields__))

    assert not has_some or (kind.topic is TOPICS["catalog.clients"])


WITH_GATEWAY = sorted(
    path for path in GOLDEN.iterdir() if "gateway" in KINDS[name_of(path)].__struct_fields__
)


@pytest.mark.parametrize("path", WITH_GATEWAY, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["http", "log", "smtp", "sms-2", "viber_eu"])
def test_an_event_names_whatever_gateway_there_was(path: Path, name: str) -> None:
    data = re.sub(rb'"gateway":"[a-z]+"', b'"gateway":"%b"' % name.encode(), path.read_bytes())

    event = KINDS[name_of(path)].read(data)

    assert (event.gateway, event.json()) == (name, data)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["", "HTTP", "2", "a b", "a\n", "x" * 64, "+79161234567"])
def test_a_gateways_name_is_checked_text(name: str) -> None:
    data = msgspec.json.decode(WITH_GATEWAY[0].read_bytes()) | {"gateway": name}

    with pytest.raises(msgspec.ValidationError, match="gateway"):
        KINDS[name_of(WITH_GATEWAY[0])].read(msgspec.json.encode(data))
