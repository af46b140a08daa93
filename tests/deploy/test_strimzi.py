"""Kafka's topics and accounts in Kubernetes are those of the code."""

import re
from importlib import import_module

import pytest
import yaml

from deploy import strimzi
from deploy.env_example import SERVICES
from shared.contracts import TOPICS


def rights(service: str) -> dict[str, set[str]]:
    """Return what the file lets a service do, by topic."""
    users = yaml.safe_load_all((strimzi.FOLDER / "users.yaml").read_text())
    [user] = [each for each in users if each["metadata"]["name"] == service]
    return {
        each["resource"]["name"]: set(each["operations"])
        for each in user["spec"]["authorization"]["acls"]
        if each["resource"]["type"] == "topic"
    }


def on_its_card(service: str, verb: str) -> set[str]:
    """Return the topics that stand behind a word on the card of a service."""
    card = import_module(f"services.{service}").__doc__ or ""
    found = re.search(rf"^{verb}:(.*?)(?=^\S|\Z)", card, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([a-z.]+)`", found[1] if found else ""))


def test_the_files_are_what_the_code_makes() -> None:
    assert (strimzi.FOLDER / "topics.yaml").read_text() == strimzi.topics()
    assert (strimzi.FOLDER / "users.yaml").read_text() == strimzi.users()


def test_each_topic_is_made() -> None:
    made = list(yaml.safe_load_all(strimzi.topics()))

    assert [each["metadata"]["name"] for each in made] == list(TOPICS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_what_it_publishes_and_nothing_else(service: str) -> None:
    written = {name for name, allowed in rights(service).items() if "Write" in allowed}

    published = on_its_card(service, "Publishes")
    assert written == published | ({"platform.progress"} if published else set())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_it_subscribes_to_and_a_ledger_what_it_has_written(
    service: str,
) -> None:
    read = {name for name, allowed in rights(service).items() if "Read" in allowed}

    own = {"dispatcher.runs", "dispatcher.messages", "dispatcher.gateways"}
    kept = own if service == "dispatcher" else set()
    assert read == on_its_card(service, "Subscribes to") | kept


def test_none_may_make_or_delete_anything() -> None:
    allowed = {
        each
        for service in SERVICES
        for _, _, names in strimzi.operations(service)
        for each in names
    }

    assert allowed == {"Read", "Write", "Describe", "DescribeConfigs"}
