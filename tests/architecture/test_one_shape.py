"""Who knows one service knows all: each has a card that tells the truth."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from shared import settings
from shared.contracts import EVENTS

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/__init__.py"))
LINES = ("Owns", "API", "Publishes", "Subscribes to")
TOLD = {kind.__name__: kind.topic.name for kind in EVENTS if kind.topic}


def card(service: str) -> dict[str, str]:
    """Return the lines of a card by their beginning."""
    text = import_module(f"services.{service}").__doc__ or ""
    found = re.split(rf"^({'|'.join(LINES)}):", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def events_by_topic(line: str) -> dict[str, str]:
    """Read `One, Two on `topic``, and so on."""
    parts = re.findall(r"([\w\s,]+?)\s+on\s+`([\w.]+)`", line)
    return {name: topic for names, topic in parts for name in re.findall(r"[A-Z]\w+", names)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_card_has_its_lines_and_begins_with_the_name(service: str) -> None:
    text = import_module(f"services.{service}").__doc__ or ""

    assert text.startswith(f"{service.capitalize()}: ")
    assert list(card(service)) == [line for line in LINES if line in card(service)]
    assert {"Owns", "API", "Subscribes to"} <= set(card(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_card_names_what_the_service_publishes_of_its_contract(service: str) -> None:
    folder = ROOT / "services" / service
    source = "".join(path.read_text() for path in folder.rglob("*.py"))
    own = {name: topic for name, topic in TOLD.items() if topic.startswith(f"{service}.")}

    published = events_by_topic(card(service).get("Publishes", ""))

    assert published == {
        name: own[name] for name in own if len(re.findall(rf"\b{name}\b", source)) > 1
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_card_names_what_the_service_subscribes_to(service: str) -> None:
    source = (ROOT / "services" / service / "subscriptions.py").read_text()
    named = {name for name in TOLD if re.search(rf"\b{name}\b", source)}

    subscribed = events_by_topic(card(service)["Subscribes to"])

    assert subscribed == {name: TOLD[name] for name in named}


@pytest.mark.parametrize("service", SERVICES)
def test_settings_have_the_services_prefix_and_a_port_of_their_own(service: str) -> None:
    own = import_module(f"services.{service}.settings").Settings

    assert issubclass(own, settings.ServiceSettings)
    assert own.model_config["env_prefix"] == f"{service.upper()}_"
    assert own.model_fields["http_port"].default in range(8001, 8010)


def test_no_two_services_have_the_same_port() -> None:
    ports = [
        import_module(f"services.{each}.settings").Settings.model_fields["http_port"].default
        for each in SERVICES
    ]

    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_dependencies_and_its_own_history(service: str) -> None:
    folder = ROOT / "services" / service

    assert f'name = "{service}"' in (folder / "pyproject.toml").read_text()
    assert (folder / "__main__.py").exists()
    numbers = sorted(path.name[:4] for path in (folder / "migrations").glob("*.py"))
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
