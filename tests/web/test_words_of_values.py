"""Whatever the services may answer of a few values is said on the page in the reader's words."""

import json
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# What has a few values: where it is documented, and the words that stand for them.
VALUES = (
    ("catalog", "Alphabet", "form", "alphabet"),
    ("catalog", "AlreadyPassed", "form", "alreadyPassed"),
    ("catalog", "Clock", "mailings", "clock"),
    ("catalog", "MailingStatus", "admin", "status"),
    ("catalog", "MessageClass", "mailings", "class"),
    ("catalog", "Missed", "form", "missedPolicy"),
    ("catalog", "Missing", "form", "missingDay"),
    ("catalog", "Mode", "imports", "imports.modes"),
    ("catalog", "NoZone", "form", "noZone"),
    ("catalog", "OnUnknown", "mailings", "onUnknown"),
    ("catalog", "Otherwise", "form", "otherwise"),
    ("catalog", "Overlap", "form", "overlapPolicy"),
    ("catalog", "Priority", "mailings", "priority"),
    ("catalog", "RejectionCode", "screens", "codes"),
    ("catalog", "Remark", "form", "remark"),
    ("catalog", "SuppressedReason", "screens", "reasonOf"),
    ("catalog", "Weekday", "clients", "clients.days"),
    ("catalog", "Weekday", "form", "day"),
    ("dispatcher", "LeftOut", "audiences", "audiences.reasons"),
    ("dispatcher", "LeftOut", "form", "leftOut"),
    ("dispatcher", "Outcome", "gateways", "gateways.outcomes"),
    ("dispatcher", "Outcome", "mailings", "outcome"),
    ("dispatcher", "State", "live", "state"),
    ("dispatcher", "WhyCode", "mailings", "why"),
    ("scheduler", "MissedReason", "mailings", "missed"),
    ("stats", "State", "live", "state"),
)


def values(service: str, schema: str) -> set[str]:
    document = json.loads((PROJECT / "docs" / "openapi" / f"{service}.json").read_text())
    return set(document["components"]["schemas"][schema]["enum"])


def words(name: str, language: str, path: str) -> dict[str, Any]:
    file = PROJECT / "web" / "src" / "words" / f"{name}.{language}.json"
    found: dict[str, Any] = json.loads(file.read_text())
    for part in path.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("service", "schema", "name", "path"), VALUES)
def test_each_value_has_words(
    service: str, schema: str, name: str, path: str, language: str
) -> None:
    assert values(service, schema) - set(words(name, language, path)) == set()
